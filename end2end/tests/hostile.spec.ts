// Hostile input is shown as text: it does not run and does not break a page, not even on a phone.

import { createUser, session, unique, Api } from '../support/prepare';
import { createAdministrator, expect, expectNoSideways, test } from '../support/test';

const run = `document.title='owned'`;
const corpus = {
  script: `</textarea></title></script><script>${run}</script><!--`,
  quotes: `"'><img src=x onerror="${run}"> {{7*7}} \${7*7} &amp;&#39; javascript:${run}`,
  bidi: '\u202eabc\u202d \u2067אבג\u2069 مرحبا \u200fx\u200e',
  invisible: 'zero\u200bwidth\u200d\ufeff\u2060\u00ad soft\u2028line\u2029paragraph',
  emoji: '👩‍👩‍👧‍👦🏳️‍🌈 Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢ 商店 ﷽𒐫',
  long: 'W'.repeat(10_000),
  blanks: `a${' '.repeat(300)}b\tc`,
};
/** Cuts a text to the maximum length of a title, comment or message. */
const most = (text: string) => text.slice(0, 1500);

test('hostile texts in every field that is shown anywhere', async ({ page, freshServer, allowErrors }) => {
  test.setTimeout(120_000);
  // An invalid name has no page.
  allowErrors(/404 .*(\/start\?app=|\/configs\/dev\/%22)/);
  const server = await freshServer();
  const administrator = await createAdministrator(server, 'admin');
  const api = await Api.of(server);
  const names = Object.keys(corpus) as (keyof typeof corpus)[];

  const cookies = await session(server, administrator);
  await createUser(server, administrator, '<img src=x onerror=alert(1)>', { '*/*/*': 'viewer' });
  await server.cli(['token', 'create', '--name', most(corpus.quotes), '--read', '*/*/*']);

  const line = (text: string) => most(text).replaceAll('\t', ' ');
  await api.call('PUT', 'envs/dev', { title: line(corpus.quotes), protected: true });
  await api.call('PUT', 'envs/prod', { title: line(corpus.long) });
  const paths = ['/', '/apps', '/changes', '/users', '/users/new', '/tokens', '/tokens/new', '/envs', '/envs/dev', '/envs/prod'];
  const set = Object.fromEntries(names.map((name) => {
    // A key has no invisible characters and at most 256 bytes.
    const seen = corpus[name].replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu, '');
    const key = `${name} ${seen}`.slice(0, name === 'emoji' ? 40 : 80).trim();
    return [key, { value: corpus[name], comment: most(corpus[name]).replaceAll('\t', ' ') }];
  }));
  for (const name of names) {
    const app = unique(name.slice(0, 8));
    await api.call('PUT', `apps/${app}`, { title: line(corpus[name]), description: most(corpus[name]) });
    await api.call('PUT', `apps/${app}/namespaces/application`, { format: 'kv', description: line(corpus[name]) });
    await api.call('PUT', `apps/${app}/namespaces/notes`, { format: 'text' });
    const [kv, text] = [`dev/${app}/application`, `dev/${app}/notes`];
    const message = most(corpus[name]);
    await api.publish([{ config: kv, set }, { config: text, text: `one\n${corpus[name]}\nthree\n` }], message);
    const other = Object.fromEntries(Object.entries(set).map(([key, { value }]) => [key, `${value} changed ${value}`]));
    await api.publish([{ config: kv, set: other }, { config: text, text: `${corpus[name]} changed\n` }], message);
    const open = { message, edits: [{ config: kv, set }, { config: text, text: `open ${corpus[name]}\n` }], publish: false };
    const { id } = await api.call('POST', 'changes', open);
    await fetch(`${server.url}/api/v1/configs/${kv}`, {
      headers: {
        authorization: `Bearer ${api.token}`,
        'x-instance': corpus[name].replaceAll(/[^\x20-\x7e]/g, '').slice(0, 200) || 'x',
        'user-agent': `"><script>${run}</script>`,
      },
    });
    paths.push(`/apps/${app}`, `/apps/${app}/about`, `/apps/${app}/namespaces/application`);
    paths.push(`/changes/${id}`, `/configs/${kv}/releases`, `/configs/${text}`, `/configs/${text}/difference?view=split`);
    const key = encodeURIComponent(Object.keys(set).find((key) => key.startsWith(name))!);
    paths.push(`/configs/${kv}?edit=${key}`, `/configs/${kv}/releases/1`);
    // Every config has all keys: pages that show only these are checked once.
    if (name !== 'script') continue;
    paths.push(`/changes/${id}?view=split`);
    for (const at of ['', '/difference', '/difference?view=split', '/releases/1?show=live', '/releases/1?show=content', '/readers', '/use', '/import']) {
      paths.push(`/configs/${kv}${at}`);
    }
  }
  const q = encodeURIComponent(corpus.quotes);
  paths.push(`/apps?q=${q}`, `/users?q=${q}`, `/login?next=${q}`, `/start?app=${q}`, `/configs/dev/${q}/x`);

  await page.context().addCookies(cookies);
  await page.setViewportSize({ width: 360, height: 740 });
  page.on('dialog', (dialog) => void dialog.dismiss().then(() => { throw new Error('a script ran'); }));
  const wrong: string[] = [];
  for (const path of paths) {
    await page.goto(server.url + path);
    if ((await page.title()) === 'owned') wrong.push(`${path}: a script ran`);
    if (await page.locator('img[src="x"]').count()) wrong.push(`${path}: a tag came through`);
    await expectNoSideways(page).catch((error: Error) => wrong.push(`${path}: ${error.message.split('\n')[0]}`));
  }
  expect(wrong).toEqual([]);
});
