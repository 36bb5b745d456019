/** Rows as text in columns; numbers to the right. @param {readonly (readonly unknown[])[]} rows the first is the head. */
export function table(rows) {
  const text = rows.map((row) => row.map((cell) => (typeof cell === 'number' ? figure(cell) : String(cell))));
  const widths = text[0].map((_, column) => Math.max(...text.map((row) => row[column].length)));
  return text
    .map((row, i) =>
      row
        .map((cell, column) => {
          const right = typeof rows[Math.max(i, 1)]?.[column] === 'number';
          return right ? cell.padStart(widths[column]) : cell.padEnd(widths[column]);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** 1,234,567; 12.3; 0.045 */
export function figure(value) {
  if (Number.isInteger(value)) return value.toLocaleString('en');
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}
