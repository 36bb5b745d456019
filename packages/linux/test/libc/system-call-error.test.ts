import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { errnoName } from '../../src/libc/errno.js';
import { SystemCallError } from '../../src/libc/system-call-error.js';

const { EPERM, EAGAIN, EMFILE, ENODEV } = constants.errno;

describe('an error of a system call', () => {
  it('says what was tried and why it failed', () => {
    const error = new SystemCallError('cannot open /dev/net/tun', 'open', EPERM);
    expect(error).toMatchObject({ call: 'open', errno: EPERM, code: 'EPERM', text: 'operation not permitted' });
    expect(error.message).toBe('cannot open /dev/net/tun: operation not permitted');
  });

  it.each([
    [EAGAIN, 'EAGAIN'],
    [ENODEV, 'ENODEV'],
    [9999, 'errno 9999'],
  ])('%d is %s', (errno, name) => {
    expect(errnoName(errno)).toBe(name);
  });

  it.skipIf(process.platform !== 'linux')('77 is EBADFD, which Node has no name for', () => {
    expect(new SystemCallError('cannot read', 'read', 77)).toMatchObject({
      code: 'EBADFD',
      text: 'the device is gone',
    });
  });

  it('without words of ours, tells the number', () => {
    expect(new SystemCallError('cannot read', 'read', EMFILE).message).toBe(`cannot read: error ${EMFILE}`);
  });
});
