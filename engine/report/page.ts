import {createHash} from 'node:crypto';
import {type Content, markup, type Markup} from './html.js';
import {liveScript, sortScript} from './scripts.js';
import {style} from './style.js';

export interface Section {
  /** Of the anchor; letters and dashes. */
  readonly id: string;
  readonly title: string;
  readonly body: Content;
}

export interface Page {
  readonly title: string;
  /** Above the sections: the facts that count. */
  readonly head: Content;
  readonly sections: readonly Section[];
  /** ISO 8601. */
  readonly made: string;
}

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/**
 * One self-contained HTML document: style and the few lines of script are in it, nothing is loaded. The policy lets no other
 * script run, should something have got through. `live`: the page follows a build on the server it came from.
 */
export function renderPage(page: Page, live = false): string {
  const script = live ? liveScript : sortScript;
  const policy = [
    "default-src 'none'",
    `style-src ${hashOf(style)}`,
    `script-src ${hashOf(script)}`,
    `connect-src ${live ? "'self'" : "'none'"}`,
    'img-src data:',
    "base-uri 'none'; form-action 'none'",
  ].join('; ');
  const head = markup`<meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta http-equiv="Content-Security-Policy" content="${policy}">
    <meta name="referrer" content="no-referrer">
    <title>${page.title}</title>
    <link rel="icon" href="data:,">
    <style>${raw(style)}</style>`;
  const body = markup`<a class="skip" href="#main">Skip to content</a>
    <div class="wrap" id="page">${pageBody(page, live)}</div>
    <script>${raw(script)}</script>`;
  return markup`<!doctype html>
    <html lang="en">
    <head>${head}</head>
    <body>${body}</body>
    </html>\n`.markup;
}

/** What changes while a build is followed. */
export function pageBody({head, sections, made}: Page, live = false): Markup {
  const shown = sections.filter(({body}) => body !== undefined && body !== false);
  const links = shown.map(({id, title}) => markup`<li><a href="#${id}">${title}</a></li>`);
  return markup`<header class="top">
      ${live && markup`<p class="live note" role="status"><span class="dot"></span>following the build</p>`} ${head}
      ${
        shown.length > 1 &&
        markup`<nav aria-label="Sections">
          <ul>
            ${links}
          </ul>
        </nav>`
      }
    </header>
    <main id="main">
      ${shown.map(
        ({id, title, body}) =>
          markup`<section id="${id}" aria-labelledby="${id}-title">
            <h2 id="${id}-title">${title}</h2>
            ${body}
          </section> `,
      )}
    </main>
    <footer>Made by build-image, ${made.slice(0, 19).replace('T', ' ')} UTC</footer>`;
}

/** Of this program's own text only. */
const raw = (text: string): Markup => ({markup: text});
