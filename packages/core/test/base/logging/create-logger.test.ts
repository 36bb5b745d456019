import { describe, expect, it } from 'vitest';
import { createLogger, type LoggerOptions } from '../../../src/base/logging/create-logger.js';
import { memoryLogger, silentLogger } from '../../../src/base/logging/memory-logger.js';
import { prettyLine } from '../../../src/base/logging/pretty-line.js';

async function logged(
  options: Partial<LoggerOptions>,
  use: (logger: Awaited<ReturnType<typeof createLogger>>) => void,
) {
  const lines: string[] = [];
  const stream = { write: (line: string) => void lines.push(line) };
  use(await createLogger({ name: 'acme', level: 'info', destination: 'stderr', format: 'json', stream, ...options }));
  return lines;
}

describe('createLogger', () => {
  it('writes one JSON document per line', async () => {
    const lines = await logged({}, (logger) => {
      logger.info('hello', { peer: 'b' });
      logger.child({ component: 'stun', base: 1 }).child({ base: 2 }).warn('no answer');
    });
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { level: 'info', time: expect.stringMatching(/^\d{4}-.*Z$/), component: 'acme', peer: 'b', msg: 'hello' },
      { level: 'warn', time: expect.any(String), component: 'stun', base: 2, msg: 'no answer' },
    ]);
    expect(lines.every((line) => line.endsWith('}\n'))).toBe(true);
  });

  it.each([
    ['silent', 0],
    ['error', 1],
    ['warn', 2],
    ['info', 3],
    ['debug', 4],
    ['trace', 5],
  ] as const)('at level %s writes %i of five', async (level, count) => {
    const lines = await logged({ level }, (logger) => {
      for (const at of ['trace', 'debug', 'info', 'warn', 'error'] as const) logger[at]('x');
    });
    expect(lines).toHaveLength(count);
  });

  it('masks secrets and keeps the causes of errors', async () => {
    const secret = 'hunter2';
    const lines = await logged({}, (logger) => {
      logger.child({ credential: secret }).error('failed', {
        server: { url: `ws://u:${secret}@host`, password: secret },
        error: Object.assign(new Error('outer', { cause: new Error('inner') }), { code: 'EPERM' }),
      });
    });
    expect(lines.join()).not.toContain(secret);
    expect(JSON.parse(lines[0]!)).toMatchObject({
      error: { message: 'outer', code: 'EPERM', cause: { message: 'inner' } },
    });
  });

  it('is readable on request', async () => {
    const lines = await logged({ format: 'pretty' }, (logger) =>
      logger.warn('no answer', { server: '203.0.113.10:3478' }),
    );
    expect(lines).toEqual([
      expect.stringMatching(/^\d\d:\d\d:\d\d\.\d{3} warn {2}acme: no answer server=203\.0\.113\.10:3478\n$/),
    ]);
  });
});

describe('a JSON log line', () => {
  it.each(['peer', 'a":1,"level":"fatal', 'x\n{"forged":1}', '\u009b2J', 'd\u007f', '\u202e', '\ud800'])(
    'is one document of the same content, printable, with %j as name and as value of a field',
    async (text) => {
      const lines = await logged({}, (logger) =>
        logger.child({ [`b${text}`]: text }).info(text, { [text]: { [text]: [text] } }),
      );
      expect(lines).toHaveLength(1);
      expect(lines[0]!.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u);
      const line = JSON.parse(lines[0]!) as Record<string, unknown>;
      expect(line).toMatchObject({ msg: text, level: 'info', [text]: { [text]: [text] }, [`b${text}`]: text });
      expect(Object.keys(line)).toHaveLength(6);
    },
  );

  it('is bounded, whatever was put into it', async () => {
    const lines = await logged({}, (logger) => logger.info('x'.repeat(1e6), { reason: 'y'.repeat(1e6) }));
    expect(lines[0]!.length).toBeLessThan(40_000);
  });
});

describe('prettyLine', () => {
  it('lets no text move the cursor', () => {
    const line = prettyLine(JSON.stringify({ level: 'info', time: '', msg: 'a\u001b[2Jb\nc', peer: 'x\u0007 y' }), {
      colors: false,
    });
    expect(line).not.toMatch(/\p{Cc}/u);
    expect(line).toContain('a\\u001b[2Jb c');
  });

  it('escapes the component and the names and parts of fields too, and colours nothing that is not ours', () => {
    const hostile = 'a\u001b[31m\u009b2J\u202e\u200b\u2028\n12:00 error forged';
    const fields = { component: hostile, level: hostile, time: hostile.repeat(3), [hostile]: { [hostile]: [hostile] } };
    const line = prettyLine(JSON.stringify({ ...fields, msg: hostile }), { colors: true });
    // eslint-disable-next-line no-control-regex -- our own colours
    expect(line.replace(/\u001b\[(0|90)m/g, '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    expect(prettyLine(`no JSON ${hostile}`, { colors: true })).not.toMatch(/\p{C}/u);
  });

  it('leaves a line that is not JSON as it is', () => {
    expect(prettyLine('panic', { colors: true })).toBe('panic');
  });
});

describe('memoryLogger', () => {
  it('keeps lines of its children, with their fields', () => {
    const logger = memoryLogger();
    logger.child({ a: 1 }).child({ b: 2 }).debug('x', { c: 3 });
    expect(logger.lines).toEqual([{ level: 'debug', message: 'x', fields: { a: 1, b: 2, c: 3 } }]);
    expect(() => silentLogger().child({}).error('nobody hears')).not.toThrow();
  });
});
