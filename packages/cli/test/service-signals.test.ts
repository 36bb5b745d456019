import { describe, expect, it } from 'vitest';
import { ServiceSignals } from '../src/terminal/service-signals.js';

const SIGNALS = ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
const listening = () => SIGNALS.map((signal) => process.listenerCount(signal));

describe('ServiceSignals', () => {
  it('remembers a SIGHUP of the time when nobody could act on it, once', () => {
    using signals = new ServiceSignals();
    process.emit('SIGHUP');
    process.emit('SIGHUP');
    let heard = 0;
    signals.onHangup(() => (heard += 1));
    expect(heard).toBe(1);
    process.emit('SIGHUP');
    expect(heard).toBe(2);
  });

  it('has a listener for every signal that would end the process or open a debugger, and leaves none behind', () => {
    const before = listening();
    const signals = new ServiceSignals();
    expect(listening()).toEqual(before.map((count) => count + 1));
    signals[Symbol.dispose]();
    expect(listening()).toEqual(before);
  });
});
