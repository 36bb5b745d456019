/** Extensions of rc files that are code. */
export const EXECUTABLE: ReadonlySet<string> = new Set(['.js', '.mjs', '.cjs', '.ts']);
