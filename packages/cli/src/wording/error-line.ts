import type { ConfigProblem, ConfigProblems } from '@wirepath/core';
import { printable, reasonOf, stackOf } from '@wirepath/core/plugin';
import { isReportable } from './command-error.js';

/** 2 is what a usage error and a wrong configuration have in common: nothing was tried. */
export const EXIT_DONE = 0;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

/** Room for some hundred problems of one file. */
const MAX_LENGTH = 16_384;

/** Everything that is wrong with a configuration where that is the error, else {@link errorLine}. */
export function errorText(productName: string, error: unknown): string {
  return isConfigProblems(error) ? `${productName}: ${error.format()}\n` : errorLine(productName, error);
}

/** By its shape, as all errors here. */
export function isConfigProblems(error: unknown): error is ConfigProblems {
  return error instanceof Error && error.name === 'ConfigProblems';
}

/**
 * What went wrong and what to do, in one line: `wirepath: <message> (<subject>). <advice>`.
 * @param stack adds the stack and its causes, for `log.level: debug`.
 */
export function errorLine(productName: string, error: unknown, options: { stack?: boolean } = {}): string {
  return `${productName}: ${errorSentence(error)}\n${options.stack === true ? `${stackOf(error) ?? ''}\n` : ''}`;
}

/** As {@link errorLine}, without the product's name. */
export function errorSentence(error: unknown): string {
  if (isConfigProblems(error)) return `${oneLine(error.problems.map(problemSentence).join('; '))}.`;
  if (!isReportable(error)) {
    return oneLine(`unexpected error: ${reasonOf(error)}. Run again with log.level debug and report it.`);
  }
  const subject = error.subject === undefined || error.message.includes(error.subject) ? '' : ` (${error.subject})`;
  const end = error.message.endsWith('.') && subject === '' ? '' : '.';
  return oneLine(`${error.message}${subject}${end} ${error.advice}`);
}

export function exitCodeOf(error: unknown): number {
  return isReportable(error) && error.code === 'CONFIG' ? EXIT_USAGE : EXIT_FAILED;
}

function problemSentence({ file, line, keyPath, expected, found }: ConfigProblem): string {
  return `${file}${line === undefined ? '' : `:${line}`}${keyPath === '' ? '' : ` ${keyPath}`}: expected ${expected}${found === undefined ? '' : `, found ${found}`}`;
}

function oneLine(text: string): string {
  return printable(text.replace(/\s*\n\s*/g, '; ').trim(), MAX_LENGTH);
}
