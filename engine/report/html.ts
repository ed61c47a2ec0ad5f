/** Text that is HTML already; made by `markup` alone. */
export interface Markup {
  readonly markup: string;
}

export type Content = string | number | Markup | undefined | null | false | readonly Content[];

/** HTML whose values are escaped, whatever they hold; `Markup` goes in as it is. Attributes are to be in double quotes. */
export function markup(strings: TemplateStringsArray, ...values: readonly Content[]): Markup {
  // The indentation of the source is not the page's.
  const parts = strings.map((text, index) => {
    const own = text.replace(/\n\s*/g, '\n');
    return index === 0 ? own : `${shown(values[index - 1])}${own}`;
  });
  return {markup: parts.join('')};
}

function shown(value: Content): string {
  if (value === undefined || value === null || value === false) return '';
  if (typeof value === 'string') return escapeHtml(value);
  if (typeof value === 'number') return String(value);
  return isMarkup(value) ? value.markup : value.map(shown).join('');
}

const isMarkup = (value: Markup | readonly Content[]): value is Markup => 'markup' in value;

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** For text and for attributes in quotes. What would turn the direction of text, or is no character, is made visible. */
export function escapeHtml(text: string): string {
  return text
    .replace(/[&<>"']/g, (char) => entities[char] ?? char)
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}
