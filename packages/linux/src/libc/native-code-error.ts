/** System calls cannot be made here: the system is another one, or the module that makes them is missing (`cause`). */
export class NativeCodeError extends Error {
  override readonly name = 'NativeCodeError';
  readonly missing: 'system' | 'module';

  constructor(missing: 'system' | 'module', message: string, options?: ErrorOptions) {
    super(message, options);
    this.missing = missing;
  }
}
