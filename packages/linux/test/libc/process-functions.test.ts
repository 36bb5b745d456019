import { describe, expect, it } from 'vitest';
import { processFunctions } from '../../src/libc/process-functions.js';

describe('processFunctions', () => {
  it('calls what node is linked to, and knows what is not there', () => {
    const find = processFunctions();
    expect(find('getpid', 'int', [])?.()).toBe(process.pid);
    expect(find('wirepath_has_no_such_function', 'int', [])).toBeUndefined();
  });
});
