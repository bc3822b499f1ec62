// Long values, texts, lists and names: the keyboard reaches all of them, pages have no empty screens, and the main
// action stays in sight.

import { application, createAdministrator, session, unique } from '../support/prepare';
import { card, expect, expectAccessible, expectTargets, test } from '../support/test';

test.skip(({ setup }) => setup === 'cluster', 'as on the embedded set-up');

test('a long value or text has a scroll box, which the keyboard reaches', async ({ page, server }) => {
  test.setTimeout(120_000);
  const { name: app, api } = await application(server, 'long');
  const [config, routes] = [`dev/${app}/application`, `dev/${app}/routes`];
  const value = (letter: string) => letter.repeat(3000);
  const lines = (end: string) => Array.from({ length: 200 }, (_, n) => `key${n}: ${end}\n`).join('');
  await api.publish([{ config, set: { long: value('a') } }, { config: routes, text: lines('1') }]);
  await page.context().addCookies(await session(server, await createAdministrator(server, unique('long'))));

  await page.goto(`/configs/${config}`);
  await expectTargets(page);
  const summary = page.locator('table.items summary');
  await expect(summary).toHaveText(/, show all$/, { useInnerText: true });
  await summary.click();
  await expect(summary).toHaveText('Show less', { useInnerText: true });
  await expectTargets(page);

  await page.goto(`/configs/${config}?edit=long`);
  await page.locator('#item [name=value]').fill(value('b'));
  await page.locator('#item button.primary').click();
  await expect(page.locator('#my-change .hunks p')).toHaveCount(2);
  await expectAccessible(page);
  await page.goto(`/configs/${config}/difference`);
  await expectAccessible(page);
  await page.locator('.hunks p').first().focus();
  await expect(page.locator('.hunks p').first()).toBeFocused();
  await page.goto(`/configs/${routes}`);
  await page.locator('#text [name=text]').fill(lines('2'));
  await page.locator('#text button[type=submit]').first().click();
  await expect(page.locator('#my-change .sum')).toBeVisible();

  // Other values and texts are published.
  await api.publish([{ config, set: { long: value('c') } }, { config: routes, text: lines('3') }]);
  for (const [path, boxes] of [[config, 3], [routes, 2]] as const) {
    await page.goto(`/configs/${path}`);
    await expect(page.locator('#conflicts .scrolls')).toHaveCount(boxes);
    await expectAccessible(page);
    await page.locator('#conflicts .scrolls').first().focus();
    await expect(page.locator('#conflicts .scrolls').first()).toBeFocused();
  }
  await page.goto('/changes');
  const mine = card(page, 'mine').locator('.list > li > a');
  await expect(mine).not.toHaveCount(0);
  for (const path of await mine.evaluateAll((links) => links.map((link) => link.getAttribute('href')!))) {
    await page.goto(path);
    await expect(page.locator('.conflicts').first()).toBeVisible();
    await expectAccessible(page);
    await expectTargets(page);
  }
});

test('the preview of a large import does not push its button out of reach', async ({ page, server, signIn }) => {
  const { name: app } = await application(server, 'long');
  await signIn(page);
  await page.goto(`/configs/dev/${app}/application/import`);
  await page.locator('#import [name=text]').fill(Array.from({ length: 300 }, (_, n) => `key${n}=${n}`).join('\n'));
  await page.getByRole('button', { name: 'Preview' }).click();
  const preview = page.locator('.preview');
  await expect(preview.locator('.hunks > li')).toHaveCount(300);
  expect(await page.evaluate(() => document.documentElement.scrollHeight)).toBeLessThan(3000);
  await preview.focus();
  await expect(preview).toBeFocused();
  await expectAccessible(page);
});

test('a long line around an error can be scrolled', async ({ page, server, signIn, allowErrors }) => {
  allowErrors(/422 .*save-text/);
  const { name: app } = await application(server, 'long');
  await signIn(page);
  await page.goto(`/configs/dev/${app}/routes`);
  await page.locator('#text [name=text]').fill(`a: 1\nb: [1\nc: ${'x'.repeat(300)}\n`);
  await page.locator('#text button[type=submit]').first().click();
  const excerpt = page.locator('.excerpt');
  await expect(excerpt).toBeVisible();
  await excerpt.focus();
  await expect(excerpt).toBeFocused();
  await expectAccessible(page);
});

test('the publish button is in sight beside many edits', async ({ page, server, signIn }) => {
  const { name: app, api } = await application(server, 'long');
  const path = `/configs/prod/${app}/application`;
  const keys = ['a', 'b', 'c', 'd', 'e'];
  await api.publish([{ config: `prod/${app}/application`, set: Object.fromEntries(keys.map((key) => [key, '1'])) }]);
  await signIn(page);
  for (const [n, key] of keys.entries()) {
    await page.goto(`${path}?edit=${key}`);
    await page.locator('#item [name=value]').fill('2');
    await page.locator('#item button.primary').click();
    await expect(page.locator('table.items tr.changed')).toHaveCount(n + 1);
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.goto(path);
  await expect(page.getByRole('button', { name: 'Publish 5 edits' })).toBeInViewport({ ratio: 1 });
  await expectAccessible(page);
});

test('many environments, long names, and only archived applications', async ({ page, freshServer }) => {
  const server = await freshServer();
  const { name: app, api } = await application(server, 'long');
  const last = 'region-3';
  for (const env of ['region-0', 'region-1', 'region-2', last]) await api.call('PUT', `envs/${env}`, {});
  await api.call('PUT', `apps/${app}`, { title: 'T'.repeat(300) });
  await api.call('PUT', `apps/${app}/namespaces/application`, { format: 'kv', description: 'd'.repeat(300) });
  const [there, here] = [`${last}/${app}/application`, `prod/${app}/application`];
  await api.publish([{ config: here, set: { a: '1' } }, { config: there, set: { a: '2' } }]);
  await page.context().addCookies(await session(server, await createAdministrator(server, 'ops')));

  // The current segment and tab are in sight.
  for (const width of [360, 320]) {
    await page.setViewportSize({ width, height: 1000 });
    for (const path of [there, `${here}/difference?env=${last}`]) {
      await page.goto(`${server.url}/configs/${path}`);
      const current = await page.locator(':is(.segments, .tabs) [aria-current]').all();
      expect(current.length).toBeGreaterThan(1);
      for (const one of current) await expect(one).toBeInViewport({ ratio: 1 });
    }
  }
  for (const width of [360, 1280]) {
    await page.setViewportSize({ width, height: 800 });
    for (const [path, box] of [['/apps', '.sheet'], [`/apps/${app}`, 'th .note']] as const) {
      await page.goto(server.url + path);
      const hidden = await page.locator(box).last().evaluate((element) => element.scrollWidth - element.clientWidth);
      expect(hidden, `${path} at ${width}`).toBeLessThanOrEqual(0);
    }
  }

  await page.goto(`${server.url}/apps/${app}/about`);
  await page.getByRole('button', { name: 'Archive' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Archive' }).click();
  await expect(page.locator('.banner')).toContainText(`${app} is archived`);
  await page.goto(`${server.url}/apps`);
  await expect(page.locator('main')).toContainText('All applications are archived');
  await expectAccessible(page);
  await expectTargets(page);
});
