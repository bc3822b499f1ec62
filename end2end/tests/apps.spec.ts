// Applications, namespaces, environments: creating, describing, archiving; and the matrix of releases.

import { application, createUser, unique } from '../support/prepare';
import { card, expect, test } from '../support/test';

for (const scripts of [true, false]) {
  test.describe(scripts ? 'with scripts' : 'without scripts', () => {
    test.use({ javaScriptEnabled: scripts });

    test('an application is downloaded and cloned', async ({ page, server, signIn, allowErrors }) => {
      allowErrors(/422 .*\/fn\/clone-app/);
      const { name, api } = await application(server);
      await api.publish([{ config: `dev/${name}/application`, set: { a: '1', b: '2' } }, { config: `prod/${name}/application`, set: { a: '3' } }]);
      await signIn(page);
      await page.goto(`/apps/${name}/about`);
      const file = page.waitForEvent('download');
      await page.getByRole('link', { name: '.zip' }).click();
      expect((await file).suggestedFilename()).toBe(`${name}.zip`);
      const clone = card(page, 'clone');
      await clone.getByLabel('Name', { exact: true }).fill(name);
      await clone.getByLabel('prod').uncheck();
      await clone.getByRole('button', { name: 'Clone application' }).click();
      await expect(clone.locator('.wrong')).toBeVisible();
      await expect(clone.getByLabel('prod')).not.toBeChecked();
      const copy = unique('copy');
      await clone.getByLabel('Name', { exact: true }).fill(copy);
      await clone.getByRole('button', { name: 'Clone application' }).click();
      await expect(page).toHaveURL(/\/changes\//);
      await expect(page.getByRole('heading', { level: 1 })).toHaveText(`Clone ${name}`);
      await expect(page.locator('.of-config h2')).toHaveText(new RegExp(`dev.*${copy}.*application`));
      await expect(page.locator('.hunks > li')).toHaveCount(2);
    });

    test('keys of all environments are compared, and missing ones are copied', async ({ page, server, signIn }) => {
      const { name, api } = await application(server);
      await api.publish([
        { config: `staging/${name}/application`, set: { same: '1', pool: '4', url: 'mysql://staging', extra: 'yes' } },
        { config: `prod/${name}/application`, set: { same: '1', pool: '16' } },
        { config: `dev/${name}/application`, set: { same: '1', pool: '1', url: 'mysql://dev', extra: 'yes' } },
      ]);
      await signIn(page);
      await page.goto(`/apps/${name}`);
      await page.getByRole('link', { name: 'Keys of application in all environments' }).click();
      const rows = page.locator('#key-rows tbody tr');
      await expect(rows).toHaveCount(4);
      await expect(rows.filter({ hasText: 'pool' })).toHaveText(/pool.*different.*1.*4.*16/);
      await expect(rows.filter({ hasText: 'url' })).toContainText('missing');
      await page.getByRole('navigation', { name: 'Keys shown' }).getByRole('link', { name: /missing/ }).click();
      await expect(rows).toHaveCount(2);
      await page.getByLabel('Select url').check();
      await page.getByLabel('Select extra').check();
      await page.getByLabel('From', { exact: true }).selectOption(`staging/${name}/application`);
      await page.getByLabel('prod').check();
      await page.getByRole('button', { name: 'Copy into a new change' }).click();
      await expect(page).toHaveURL(/\/changes\//);
      await expect(page.getByRole('heading', { level: 1 })).toHaveText('Copy 2 keys from staging');
      await expect(page.locator('.hunks > li')).toHaveText([/^url added.*mysql:\/\/staging/, /^extra added.*yes/]);
    });

    test('a refused copy of keys keeps the selection', async ({ page, server, signIn, allowErrors }) => {
      allowErrors(/4(09|22) .*\/fn\/copy-keys/);
      const { name, api } = await application(server);
      const odd = 'a/b#c?d%e&f g中';
      await api.publish([
        { config: `staging/${name}/application`, set: { [odd]: '1', 'db.url': 'x', 'db.pool': '4', other: '1' } },
        { config: `prod/${name}/application`, set: { other: '1' } },
      ]);
      await signIn(page);
      const keys = `/apps/${name}/namespaces/application/keys`;
      await page.goto(`${keys}?show=missing`);
      const rows = page.locator('#key-rows tbody tr');
      await expect(rows).toHaveCount(4);
      // The filter keeps the choice of keys.
      await page.getByRole('searchbox').fill('db');
      await page.getByRole('button', { name: 'Filter' }).click();
      await expect(page).toHaveURL(/show=missing/);
      await expect(rows).toHaveCount(2);
      await page.getByRole('searchbox').fill('');
      await page.getByRole('searchbox').press('Enter');
      await expect(rows).toHaveCount(4);

      await page.getByLabel(`Select ${odd}`).check();
      const copy = page.getByRole('button', { name: 'Copy into a new change' });
      await copy.click();
      await expect(card(page, 'copy-keys')).toContainText('Fill this in.');
      await expect(page.getByLabel(`Select ${odd}`)).toBeChecked();
      await expect(page.getByLabel('Select db.url')).not.toBeChecked();
      await page.getByLabel('From', { exact: true }).selectOption(`staging/${name}/application`);
      await page.getByRole('checkbox', { name: /^staging/ }).check();
      await copy.click();
      await expect(page.locator('#notice')).toContainText('There is nothing to copy');
      await page.getByRole('checkbox', { name: /^prod/ }).check();
      await copy.click();
      await expect(page.getByRole('heading', { level: 1 })).toHaveText('Copy 1 key from staging');

      await page.goto(`${keys}?show=differs`);
      await expect(page.locator('.empty')).toContainText('No key differs');
      await page.setViewportSize({ width: 360, height: 800 });
      await page.goto(keys);
      await expect(rows.filter({ hasText: 'db.url' }).locator('td.v')).toHaveText(['dev–not present', 'stagingx', 'prod–not present']);
      await expect(rows.first().locator('.of').first()).toBeVisible();
    });

    test('differences are promoted to another environment', async ({ page, server, signIn }) => {
      const { name, api } = await application(server);
      await api.publish([
        { config: `staging/${name}/application`, set: { same: '1', pool: '4', url: 'mysql://staging' } },
        { config: `prod/${name}/application`, set: { same: '1', pool: '16', old: 'x' } },
      ]);
      await signIn(page);
      await page.goto(`/apps/${name}`);
      await page.getByRole('link', { name: 'Promote' }).click();
      await page.getByLabel('From', { exact: true }).selectOption('staging');
      await page.getByLabel('To', { exact: true }).selectOption('prod');
      await page.getByRole('button', { name: 'Compare' }).click();
      const rows = card(page, 'differences').locator('li');
      await expect(rows).toHaveCount(1);
      await expect(rows).toContainText(/1 added.*1 changed.*1 removed/);
      await page.getByLabel('Also remove keys that staging does not have').check();
      await page.getByRole('button', { name: 'Copy into a new change' }).click();
      await expect(page.getByRole('heading', { level: 1 })).toHaveText('Promote staging to prod');
      await expect(page.locator('.hunks > li')).toHaveCount(3);
      await page.goto(`/apps/${name}/promote?from=prod&to=prod`);
      await expect(page.locator('.empty')).toContainText('prod and prod are equal');
    });

    test('an application is created, described, archived and restored', async ({ page, server, signIn, allowErrors }) => {
      allowErrors(/4(09|22) .*\/fn\//);
      const { name: taken } = await application(server);
      await signIn(page);
      await page.goto('/apps');
      await page.getByText('Add an application').click();
      const add = page.locator('form[action="/fn/create-app"]');
      await add.locator('[name=app]').fill(taken);
      await add.getByRole('button').click();
      await expect(add.locator('.wrong')).toHaveText('This name is taken. Choose another one.');
      const name = unique('new');
      await add.locator('[name=app]').fill(name);
      await add.locator('[name=title]').fill('Brand new');
      await add.getByRole('button').click();
      await expect(page.getByRole('heading', { level: 1 })).toHaveText(name);
      await expect(page.locator('table.matrix tbody th')).toContainText('application');

      // A second namespace, in another format.
      await page.getByText('Add namespace').click();
      const namespace = page.locator('form[action="/fn/create-namespace"]');
      await namespace.locator('[name=namespace]').fill('rules');
      await namespace.locator('[name=format]').selectOption('toml');
      await namespace.locator('[name=description]').fill('Who gets which discount');
      await namespace.getByRole('button').click();
      await expect(page.locator('#flash')).toHaveText('rules was created.');
      const row = page.locator('table.matrix tbody tr').filter({ hasText: 'rules' });
      await expect(row).toContainText('toml');
      await expect(row).toContainText('Who gets which discount');

      await page.getByRole('link', { name: 'About' }).click();
      await card(page, 'what').locator('[name=title]').fill('Renamed');
      await card(page, 'what').locator('[name=description]').fill('Line one\nline two');
      await page.getByRole('button', { name: 'Save' }).click();
      await expect(page.locator('#flash')).toHaveText('Saved.');
      await expect(card(page, 'what').locator('[name=description]')).toHaveValue('Line one\nline two');
      await expect(page.locator('.head')).toContainText('Renamed');

      await page.getByRole('button', { name: 'Archive' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Archive' }).click();
      await expect(page.locator('.banner:visible')).toContainText(`${name} is archived`);
      await page.goto('/apps');
      await expect(page.locator('table.apps')).not.toContainText(name);
      await page.goto('/apps?archived=true');
      await expect(page.locator('table.apps tr').filter({ hasText: name })).toContainText('archived');
      await page.goto(`/configs/dev/${name}/application`);
      await expect(page.locator('.banner:visible')).toContainText('This config is archived');
      await expect(page.getByRole('link', { name: 'Add key' })).toHaveCount(0);

      await page.goto(`/apps/${name}/about`);
      await page.getByRole('button', { name: 'Restore' }).click();
      await expect(page.locator('.banner:visible')).toHaveCount(0);
      await page.goto(`/configs/dev/${name}/application`);
      await expect(page.getByRole('link', { name: 'Add key' }).first()).toBeVisible();
    });

    test('a namespace is described, archived and restored', async ({ page, server, signIn }) => {
      const { name: app } = await application(server);
      await signIn(page);
      await page.goto(`/apps/${app}`);
      await page.getByRole('link', { name: 'Settings of routes' }).click();
      await page.locator('[name=description]').fill('Where requests go');
      await page.getByRole('button', { name: 'Save' }).click();
      const row = page.locator('table.matrix tbody tr').filter({ hasText: 'routes' });
      await expect(row).toContainText('Where requests go');
      await page.goto(`/apps/${app}/namespaces/routes`);
      await page.getByRole('button', { name: 'Archive' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Archive' }).click();
      await expect(page).toHaveURL(new RegExp(`/apps/${app}$`));
      await expect(row).toHaveCount(0);
      await page.getByText('Archived namespaces').click();
      await page.locator('#restore-routes').getByRole('button', { name: 'Restore' }).click();
      await expect(row).toHaveCount(1);
    });

    test('the matrix shows releases and the authors of pending edits', async ({ page, server, signIn, administrator, another }) => {
      const { name: app, api } = await application(server);
      await api.publish([{ config: `dev/${app}/application`, set: { a: '1' } }]);
      await api.publish([{ config: `dev/${app}/application`, set: { a: '2' } }, { config: `dev/${app}/routes`, text: 'a: 1\n' }]);
      await api.publish([{ config: `prod/${app}/application`, set: { a: '1' } }]);
      await signIn(page);
      await page.goto(`/apps/${app}`);
      const cell = (namespace: string, env: string) => {
        const row = page.locator('table.matrix tbody tr').filter({ hasText: namespace });
        return row.locator(`a[href="/configs/${env}/${app}/${namespace}"]`);
      };
      await expect(page.locator('table.matrix thead th')).toContainText(['Namespace', 'dev', 'staging', 'prod']);
      await expect(cell('application', 'dev').locator('b')).toHaveText('2');
      await expect(cell('application', 'prod').locator('b')).toHaveText('1');
      await expect(cell('routes', 'dev').locator('b')).toHaveText('1');
      await expect(cell('application', 'staging')).toContainText('no release');

      // Two users have pending edits.
      await cell('application', 'prod').click();
      await page.getByRole('link', { name: 'Add key' }).click();
      await page.locator('#item [name=key]').fill('b');
      await page.locator('#item [name=value]').fill('1');
      await page.locator('#item button.primary').click();
      await expect(page.locator('#flash')).toContainText('Saved in your change');
      const user = await createUser(server, administrator, 'zoe', { [`*/${app}/*`]: 'editor' });
      const zoe = await another(user);
      await zoe.goto(`/configs/prod/${app}/application?edit=a`);
      await zoe.locator('#item [name=value]').fill('3');
      await zoe.locator('#item button.primary').click();
      await expect(zoe.locator('#flash')).toContainText('Saved in your change');
      await page.goto(`/apps/${app}`);
      await expect(cell('application', 'prod')).toContainText('1 edit by you');
      await expect(cell('application', 'prod')).toContainText(`1 edit by ${user.name}`);
      await expect(cell('application', 'dev')).not.toContainText('edit');
      // The page of the config shows the other author, too.
      await page.goto(`/configs/prod/${app}/application`);
      await expect(page.locator('table.items tr').filter({ hasText: `${user.name} is editing this` })).toContainText('a');
      await expect(card(page, 'others')).toContainText(user.name);
    });

    test('an environment is created, moved, protected and archived', async ({ page, server, signIn, allowErrors }) => {
      allowErrors(/422 .*\/fn\/create-env/);
      await application(server);
      await signIn(page);
      const name = unique('qa');
      await page.goto('/envs');
      await page.getByText('Add an environment').click();
      const add = page.locator('form[action="/fn/create-env"]');
      await add.locator('[name=env]').fill('QA Team');
      await add.locator('[name=title]').fill('Where testers look');
      await add.getByRole('button').click();
      await expect(add.locator('.wrong')).toContainText('“QA Team” is not a valid name.');
      await expect(add.locator('[name=title]')).toHaveValue('Where testers look');
      await add.locator('[name=env]').fill(name);
      await add.getByRole('button').click();
      await expect(page.locator('#flash')).toHaveText(`${name} was created.`);
      const names = async () => (await page.locator('table.envs tbody tr td:first-child').allInnerTexts()).map((text) => text.split(/\s/)[0]);
      const last = (await names()).indexOf(name);
      await page.getByRole('button', { name: `Move ${name} up` }).click();
      await expect.poll(async () => (await names()).indexOf(name)).toBe(last - 1);

      await page.locator('table.envs tr').filter({ hasText: name }).getByRole('link', { name: 'Edit' }).click();
      await page.getByLabel('Protected').check();
      await page.getByRole('button', { name: 'Save' }).click();
      const row = page.locator('table.envs tr').filter({ hasText: name });
      await expect(row).toContainText('a reason and the environment name');
      await row.getByRole('link', { name: 'Edit' }).click();
      await page.getByRole('button', { name: 'Archive' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Archive' }).click();
      await expect(row).toContainText('archived');
    });
  });
}
