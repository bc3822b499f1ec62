// Pictures of the pages with the demo data, for people to look at: make screenshots.
// Each becomes screenshots/<page>-<language>-<theme>-<width>.png.

import { join } from 'node:path';
import { Server, test } from './support/test';

/** Name of the picture and path of the page, as an administrator sees it. */
const pages: [name: string, path: string][] = [
  ['home', '/'],
];

/** What somebody sees who is not signed in. */
const publicPages: [name: string, path: string][] = [
  ['login', '/login'],
];

// The demo is made once for each worker; `trimtab demo` is safe to run twice.
const demos = new WeakMap<Server, Promise<string>>();

for (const theme of ['light', 'dark'] as const) {
  for (const width of [1280, 360]) {
    for (const lang of ['en', 'zh']) {
      test.describe(`${lang} ${theme} ${width}`, () => {
        test.use({ viewport: { width, height: 800 }, colorScheme: theme, locale: lang });

        test.beforeEach(async ({ server, context }) => {
          if (!demos.has(server)) demos.set(server, server.cli(['demo']));
          await demos.get(server);
          await context.addCookies([
            { name: 'theme', value: theme, url: server.url },
            { name: 'lang', value: lang, url: server.url },
          ]);
        });

        const file = (name: string) => join(import.meta.dirname, 'screenshots', `${name}-${lang}-${theme}-${width}.png`);

        for (const [name, path] of publicPages) {
          test(name, async ({ page }) => {
            await page.goto(path);
            await page.screenshot({ path: file(name), fullPage: true, animations: 'disabled' });
          });
        }

        // One session for all pages: a log-in costs as much as a picture.
        test('pages', async ({ page, signIn }) => {
          test.setTimeout(30_000 + pages.length * 5_000);
          await signIn(page);
          for (const [name, path] of pages) {
            await page.goto(path);
            await page.screenshot({ path: file(name), fullPage: true, animations: 'disabled' });
          }
        });
      });
    }
  }
}
