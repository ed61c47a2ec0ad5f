import stringWidth from 'string-width';

/** Lines of columns, two spaces apart, the last one as long as it is. Control characters are shown escaped. */
export function renderTable(rows: readonly (readonly string[])[]): string {
  const shown = rows.map((row) => row.map(visible));
  const widths: number[] = [];
  for (const row of shown) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, stringWidth(cell));
  }
  return shown
    .map(
      (row) =>
        `${row
          .map((cell, column) => pad(cell, widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

function pad(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(0, width - stringWidth(cell)));
}

function visible(text: string): string {
  // What a Dockerfile says must not reach the terminal as a command.
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, (char) =>
    JSON.stringify(char)
      .slice(1, -1)
      .replace(/^[\u007f-\u009f]$/, '?'),
  );
}
