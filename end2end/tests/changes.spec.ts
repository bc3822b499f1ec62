// A change with several configs: reviewed, published or discarded as a whole.

import type { Page } from '@playwright/test';
import { Api, application, createUser, reads } from '../support/prepare';
import { card, expect, expectTargets, test } from '../support/test';

/** Saves a value of a key. All edits go into one change, the first open one. */
async function edit(page: Page, config: string, key: string, value: string): Promise<void> {
  await page.goto(`/configs/${config}?edit=${key}`);
  await page.locator('#item [name=value]').fill(value);
  const into = page.locator('#item select[name=change]');
  if (await into.count()) await into.selectOption({ index: 1 });
  await page.locator('#item button.primary').click();
  await expect(page.locator('#flash')).toContainText('Saved in your change');
}

for (const scripts of [true, false]) {
  test.describe(scripts ? 'with scripts' : 'without scripts', () => {
    test.use({ javaScriptEnabled: scripts });

    let app: string, token: string, configs: [string, string], page: Page;
    test.beforeEach(async ({ server, administrator, another }) => {
      const { name, api } = await application(server);
      [app, token] = [name, api.token];
      configs = [`dev/${app}/application`, `staging/${app}/application`];
      await api.publish(configs.map((config) => ({ config, set: { pool: '16', url: 'mysql://db' } })));
      // A user without other open changes.
      page = await another(await createUser(server, administrator, 'vera', { [`*/${app}/*`]: 'owner' }));
    });

    async function twoEdits(): Promise<void> {
      await edit(page, configs[0], 'pool', '32');
      await edit(page, configs[1], 'pool', '48');
    }

    async function openChange(): Promise<void> {
      await page.goto('/changes');
      await card(page, 'mine').locator('.list > li > a').first().click();
      await expect(page.locator('#change')).toBeVisible();
    }

    test('two configs are published together', async ({ server }) => {
      await twoEdits();
      // The page of a config cannot publish a part of the change.
      await expect(page.locator('#publish')).toHaveCount(0);
      await page.getByRole('link', { name: 'Review and publish' }).click();
      const parts = page.locator('.of-config');
      await expect(parts).toHaveCount(2);
      await expect(parts.nth(0)).toContainText(/dev.*1632/s);
      await expect(parts.nth(1)).toContainText(/staging.*1648/s);
      await expect(parts.nth(0).locator('.o')).toHaveText('16');
      await expect(parts.nth(0).locator('.n').last()).toHaveText('32');
      await page.getByRole('link', { name: 'Side by side' }).click();
      await expect(page.locator('table.diff')).toHaveCount(2);

      for (const config of configs) await reads(server, token, config, { release: 1 });
      await page.locator('#publish [name=message]').fill('More of everything');
      await page.getByRole('button', { name: 'Publish 2 edits' }).click();
      await expect(page.locator('#flash')).toHaveText('2 releases are delivered');
      await reads(server, token, configs[0], { release: 2, content: { pool: '32' } });
      await reads(server, token, configs[1], { release: 2, content: { pool: '48' } });

      // The page of the change now shows its releases.
      await expect(page.getByRole('heading', { level: 1 })).toContainText('More of everything');
      await expect(page.locator('.head .badge')).toHaveText('published');
      await expect(card(page, 'way')).toContainText('Delivered');
      await expectTargets(page);
      // The instances that have just read it are listed, with the new release.
      await page.reload();
      await expect(card(page, 'way').locator('progress')).toHaveCount(2);
      await page.goto('/changes');
      await expect(page.locator('main')).toContainText('No open changes');
    });

    test('a discarded change has no effect', async ({ server }) => {
      await twoEdits();
      await openChange();
      await page.getByRole('button', { name: 'Discard' }).click();
      const sure = page.getByRole('dialog', { name: 'Discard this change?' });
      await expect(sure).toContainText('Its 2 edits will be discarded');
      await sure.getByRole('button', { name: 'Cancel' }).click();
      await expect(sure).toBeHidden();
      const address = page.url();
      await page.getByRole('button', { name: 'Discard' }).click();
      await sure.getByRole('button', { name: 'Discard' }).click();
      await expect(page.locator('#flash')).toHaveText('The change was discarded.');
      for (const config of configs) await reads(server, token, config, { release: 1, content: { pool: '16' } });
      await page.goto(address);
      await expect(page.locator('.head .badge')).toHaveText('discarded');
      await expect(page.locator('#publish')).toHaveCount(0);
      await page.goto(`/configs/${configs[0]}`);
      await expect(page.locator('table.items tr.changed')).toHaveCount(0);
    });

    test('a difference that changed since its review is not published', async ({ server, allowErrors }) => {
      allowErrors(/409 .*\/fn\/publish/);
      await twoEdits();
      await openChange();
      // The author edits in another tab.
      const tab = await page.context().newPage();
      await edit(tab, configs[0], 'url', 'mysql://elsewhere');
      await page.getByRole('button', { name: 'Publish 2 edits' }).click();
      await expect(page.getByRole('alert')).toContainText('The difference has changed since you reviewed it');
      await expect(page.locator('.of-config').first()).toContainText('mysql://elsewhere');
      await reads(server, token, configs[0], { release: 1 });
      // Now it has been reviewed.
      await page.getByRole('button', { name: 'Publish 3 edits' }).click();
      await expect(page.locator('#flash')).toHaveText('2 releases are delivered');
      await reads(server, token, configs[0], { content: { url: 'mysql://elsewhere', pool: '32' } });
    });

    test('conflicts of several keys are resolved on the page of the change', async ({ server }) => {
      await twoEdits();
      await edit(page, configs[0], 'url', 'mysql://mine');
      await (await Api.of(server)).publish([{ config: configs[0], set: { pool: '20', url: 'mysql://theirs' } }]);
      await openChange();
      await expect(page.locator('#publish')).toHaveCount(0);
      await expect(page.locator('.conflicts')).toContainText('2 keys were changed on both sides');
      await expect(page.locator('.conflicts .sides').first().locator('dd')).toHaveText(['16', '20', '32']);
      const decide = (key: string) => page.getByRole('form', { name: `Resolve ${key}` });
      await decide('pool').getByRole('button', { name: 'Keep theirs' }).click();
      await expect(page.locator('.conflicts')).toContainText('1 key was changed on both sides');
      await decide('url').getByRole('button', { name: 'Keep mine' }).click();
      await expect(page.locator('.conflicts')).toHaveCount(0);
      await page.getByRole('button', { name: 'Publish 2 edits' }).click();
      await expect(page.locator('#flash')).toHaveText('2 releases are delivered');
      await reads(server, token, configs[0], { release: 3, content: { pool: '20', url: 'mysql://mine' } });
    });

    test('a change is described, and a publisher finds it', async ({ server, administrator, another, allowErrors }) => {
      allowErrors(/422 .*\/fn\/describe-change/);
      await twoEdits();
      await openChange();
      await page.getByText('Edit description').click();
      const describe = page.locator('form[action="/fn/describe-change"]');
      await describe.locator('[name=message]').fill(`${'long '.repeat(500)}\nend`);
      await describe.getByRole('button').click();
      await expect(describe.locator('.wrong')).toContainText('Make it shorter');
      await expect(describe.locator('[name=message]')).toHaveValue(/end$/);
      await describe.locator('[name=message]').fill('Sale on Monday\nwith details');
      await describe.getByRole('button').click();
      await expect(page.getByRole('heading', { level: 1 })).toHaveText('Sale on Monday');
      const publisher = await another(await createUser(server, administrator, 'paul', { [`*/${app}/*`]: 'publisher' }));
      await publisher.goto('/changes');
      await card(publisher, 'others').getByRole('link', { name: 'Sale on Monday' }).click();
      await expect(publisher.locator('#publish [name=message]')).toHaveValue('Sale on Monday\nwith details');
      await publisher.getByRole('button', { name: 'Publish 2 edits' }).click();
      await expect(publisher.locator('#flash')).toHaveText('2 releases are delivered');
    });
  });
}
