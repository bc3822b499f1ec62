// Every page of the console, with the demo data, for the accessibility tests and the screenshots.

import { readFileSync } from 'node:fs';

import type { APIRequestContext } from '@playwright/test';

const table = readFileSync(new URL('../../src/pages/routes.rs', import.meta.url), 'utf8');

/**
 * Name and path of each page, from the table of all pages (`src/pages/routes.rs`), as an administrator sees it. `addressOf`
 * replaces `{change}` by an open change of the demo, and `{user}` by an account.
 */
const all = [...table.matchAll(/\("([a-z-]+)",\s*"(\/[^"]*)"\)/g)].map(([, name = '', path = '']): [string, string] => [name, path]);
if (all.length < 30) throw new Error('src/pages/routes.rs lists its pages in another form');
export const pages = all.filter(([name]) => !name.startsWith('public-'));

/** Pages without a log-in. */
export const publicPages = all.filter(([name]) => name.startsWith('public-'));

/** Returns the path of a page, with placeholders replaced by ids from the list pages. */
export async function addressOf(path: string, request: APIRequestContext, url = ''): Promise<string> {
  for (const [hole, list] of [['{change}', '/changes'], ['{user}', '/users']] as const) {
    if (!path.includes(hole)) continue;
    const html = await (await request.get(url + list)).text();
    const id = new RegExp(`href="${list}/([0-9a-f-]{36})"`).exec(html)?.[1];
    if (!id) throw new Error(`${list} leads nowhere`);
    path = path.replace(hole, id);
  }
  return path;
}
