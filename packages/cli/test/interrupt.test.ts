import { afterEach, describe, expect, it, vi } from 'vitest';
import { aborted, Interrupt } from '../src/terminal/interrupt.js';

afterEach(() => vi.restoreAllMocks());

describe('Interrupt', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('the first %s asks to stop', async (signal) => {
    using interrupt = new Interrupt();
    process.emit(signal);
    await aborted(interrupt.signal);
    expect(interrupt.signal.aborted).toBe(true);
  });

  it('a second Ctrl-C exits with 130 at once, after what even that must do', () => {
    const exit = vi.spyOn(process, 'exit').mockImplementation(() => undefined as never);
    using interrupt = new Interrupt();
    const order: string[] = [];
    interrupt.onForced = () => order.push('forced');
    process.emit('SIGINT');
    expect(exit).not.toHaveBeenCalled();
    process.emit('SIGTERM');
    process.emit('SIGINT');
    expect(order).toEqual(['forced']);
    expect(exit).toHaveBeenCalledWith(130);
  });

  it('a second SIGTERM says that nothing is to take its time', () => {
    using interrupt = new Interrupt();
    process.emit('SIGTERM');
    expect(interrupt.again.aborted).toBe(false);
    process.emit('SIGTERM');
    expect(interrupt.again.aborted).toBe(true);
  });

  it('leaves no listener behind', () => {
    const before = process.listenerCount('SIGINT') + process.listenerCount('SIGTERM');
    new Interrupt()[Symbol.dispose]();
    expect(process.listenerCount('SIGINT') + process.listenerCount('SIGTERM')).toBe(before);
  });
});
