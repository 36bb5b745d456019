import { printable } from '@wirepath/core/plugin';

export interface Cell {
  readonly text: string;
  /** Applied after padding, so that escape codes do not count as width. */
  readonly style?: (text: string) => string;
}

export interface TableOptions {
  /** Applied to each heading. */
  readonly headingStyle?: (text: string) => string;
  readonly indent?: string;
}

const GAP = '  ';

/** Columns as wide as their widest cell, left-aligned, without trailing blanks. */
export function formatTable(
  headings: readonly string[],
  rows: readonly (readonly (Cell | string)[])[],
  options: TableOptions = {},
): string {
  const cells = rows.map((row) => row.map(cleanCell));
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...cells.map((row) => widthOf(row[column]?.text ?? ''))),
  );
  const headingStyle = options.headingStyle ?? ((text: string) => text);
  const lines = [headings.map((text): Cell => ({ text, style: headingStyle })), ...cells];
  return lines.map((row) => formatRow(row, widths, options.indent ?? '')).join('');
}

function formatRow(row: readonly Cell[], widths: readonly number[], indent: string): string {
  const parts = row.map((cell, column) => {
    const styled = cell.style === undefined ? cell.text : cell.style(cell.text);
    const isLast = column === row.length - 1;
    return isLast ? styled : styled + ' '.repeat(Math.max(0, (widths[column] ?? 0) - widthOf(cell.text)));
  });
  return `${(indent + parts.join(GAP)).trimEnd()}\n`;
}

function cleanCell(cell: Cell | string): Cell {
  return typeof cell === 'string' ? { text: printable(cell) } : { ...cell, text: printable(cell.text) };
}

/** Code points; names in scripts of double width are off by a little, which harms nothing. */
function widthOf(text: string): number {
  return [...text].length;
}
