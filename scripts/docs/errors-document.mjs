import { code, generatedFrom, markdownTable } from './markdown-table.mjs';

/** docs/errors.md, from the table of errors. */
export function errorsDocument(errors) {
  const rows = Object.entries(errors).map(([name, { message, advice }]) => [code(name), message, advice]);
  return `# Errors

${generatedFrom('packages/core/src/base/errors/table.ts')}

Every error that wirepath raises is a \`CodedError\` with one of these codes. The code is stable; the message may say more than
the table does. \`subject\` names what it is about, \`plugin\` the plugin that it came from, \`cause\` the error underneath.

${markdownTable(['Code', 'What happened', 'What to do'], rows)}

\`CONFIG\` is raised as \`ConfigProblems\` where an rc file is wrong: \`problems\` lists everything at once, each with \`file\`,
\`keyPath\`, \`expected\`, and where they are known \`found\`, \`plugin\`, \`suggestion\`, \`line\` and \`column\`. A secret is never among
them.
`;
}
