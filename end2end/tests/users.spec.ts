// Users: permissions of each role, logging in and out, the own password, disabled users.

import { application, createUser, session, unique } from '../support/prepare';
import { card, expect, logIn, test } from '../support/test';

const password = 'a tram in the rain';

for (const scripts of [true, false]) {
  test.describe(scripts ? 'with scripts' : 'without scripts', () => {
    test.use({ javaScriptEnabled: scripts });

    test('a new user logs in and sees only the applications of the roles', async ({
      page, server, signIn, another,
    }) => {
      const [{ name: app }, { name: other }] = [await application(server), await application(server)];
      await signIn(page);
      const name = unique('eva');
      await page.goto('/users');
      await page.getByRole('link', { name: 'Add a user' }).click();
      await page.locator('[name=name]').fill(name);
      await page.locator('[name=password]').fill(password);
      await page.locator('[name="roles[0][role]"]').selectOption('editor');
      await page.locator('[name="roles[0][app]"]').selectOption(app);
      await page.locator('[name="roles[0][env]"]').selectOption('dev');
      await page.getByRole('button', { name: 'Add the user' }).click();
      await expect(page.locator('#flash')).toContainText(`${name} can log in now.`);
      await expect(page.locator('#users tr').filter({ hasText: name })).toContainText(`editor of ${app} in dev`);

      const eva = await another();
      await logIn(eva, server.url, { name, password });
      await expect(eva.locator('.rail')).not.toContainText('Users');
      await eva.goto('/apps');
      await expect(eva.locator('table.apps tbody tr')).toHaveCount(1);
      await eva.getByRole('link', { name: app }).click();
      // The matrix shows only dev.
      const cells = eva.locator('table.matrix tbody tr').first().locator('td');
      await expect(cells.nth(0)).toContainText('no release');
      await expect(cells).toHaveCount(1);
      await eva.goto('/account');
      await expect(card(eva, 'roles')).toContainText(`${app} in dev`);
      expect(other).not.toBe(app);
    });

    test('each role has its permissions, and refusals have a message', async ({
      server, administrator, another, allowErrors,
    }) => {
      allowErrors(/40[34] /);
      const { name: app, api } = await application(server);
      const config = `dev/${app}/application`;
      await api.publish([{ config, set: { pool: '16' } }]);
      await api.publish([{ config, set: { pool: '32' } }]);
      const path = `/configs/${config}`;
      const can = async (role: string, where = `dev/${app}/*`) => {
        const somebody = await another(await createUser(server, administrator, role, { [where]: role }));
        await somebody.goto(path);
        await expect(somebody.locator('table.items')).toContainText('pool');
        const edit = await somebody.getByRole('link', { name: 'Add key' }).count();
        await somebody.goto(`${path}/releases/1`);
        const back = await somebody.locator('#back').count();
        await somebody.goto(`/apps/${app}`);
        const own = await somebody.getByText('Add namespace').count();
        return { somebody, may: [edit, back, own].map((n) => n > 0) };
      };

      const viewer = await can('viewer');
      expect(viewer.may).toEqual([false, false, false]);
      const import_ = await viewer.somebody.goto(`${path}/import`);
      expect(import_!.status()).toBe(403);
      await expect(viewer.somebody.getByRole('heading', { level: 1 })).toHaveText('Permission denied');
      await expect(viewer.somebody.locator('main')).toContainText('Ask an owner of the application for the editor role');
      // An object without permission to view it looks like a missing one.
      const prod = await viewer.somebody.goto(`/configs/prod/${app}/application`);
      expect([prod!.status(), await viewer.somebody.locator('h1').innerText()]).toEqual([404, 'Page not found']);
      for (const [at, says] of [['/users', 'Only an administrator'], ['/envs', 'Permission denied']] as const) {
        expect((await viewer.somebody.goto(at))!.status(), at).toBe(403);
        await expect(viewer.somebody.locator('main')).toContainText(says);
      }

      const editor = await can('editor');
      expect(editor.may).toEqual([true, false, false]);
      await editor.somebody.goto(`${path}?edit=pool`);
      await editor.somebody.locator('#item [name=value]').fill('64');
      await editor.somebody.locator('#item button.primary').click();
      await expect(card(editor.somebody, 'mine')).toContainText('A publisher has to review and publish the change');
      await expect(editor.somebody.locator('#publish')).toHaveCount(0);
      await editor.somebody.getByRole('link', { name: 'Open the change' }).click();
      await expect(editor.somebody.locator('#publish')).toHaveCount(0);
      const change = new URL(editor.somebody.url()).pathname;

      // The publisher publishes the change of the editor.
      const publisher = await can('publisher');
      expect(publisher.may).toEqual([true, true, false]);
      await publisher.somebody.goto(change);
      await expect(publisher.somebody.locator('.of-config')).toContainText('64');
      await publisher.somebody.getByRole('button', { name: 'Publish 1 edit' }).click();
      await expect(publisher.somebody.locator('#flash')).toContainText('Release 3 is delivered');

      // Namespaces are the same in all environments: adding one requires the owner role in all of them.
      expect((await can('owner')).may).toEqual([true, true, false]);
      const owner = await can('owner', `*/${app}/*`);
      expect(owner.may).toEqual([true, true, true]);
      await owner.somebody.goto('/tokens/new');
      await expect(owner.somebody.locator('[name="patterns[0][app]"] option')).toHaveText(['choose …', app]);
    });

    test('a wrong password is refused, and the right one leads to the requested page', async ({
      page, server, administrator, allowErrors,
    }) => {
      allowErrors(/422 .*\/fn\/log-in/);
      const user = await createUser(server, administrator, 'nils', { '*/*/*': 'viewer' });
      await page.goto('/apps?archived=true');
      await expect(page).toHaveURL(/\/login\?next=/);
      const field = (name: string) => page.locator(`form[action="/fn/log-in"] [name=${name}]`);
      await field('name').fill(user.name);
      await field('password').fill('not the password');
      await page.getByRole('button', { name: 'Log in' }).click();
      await expect(page.locator('form[action="/fn/log-in"] .wrong')).toHaveText('Incorrect user name or password.');
      await expect(field('password')).toHaveAttribute('aria-invalid', 'true');
      await expect(field('password')).toBeFocused();
      await expect(field('name')).toHaveValue(user.name);
      await expect(field('password')).toHaveValue('');
      await field('password').fill(user.password);
      await page.getByRole('button', { name: 'Log in' }).click();
      await expect(page).toHaveURL(/\/apps\?archived=true$/);

      // After the log-out, the browser cannot go back.
      await page.locator('header summary').click();
      await page.getByRole('button', { name: 'Log out', exact: true }).click();
      await expect(page).toHaveURL(/\/login$/);
      await page.goBack();
      await page.goto('/apps');
      await expect(page).toHaveURL(/\/login\?next=/);
    });

    test('changing the own password ends all sessions', async ({ page, server, administrator, another, allowErrors }) => {
      allowErrors(/422 .*\/fn\/change-password/);
      const user = await createUser(server, administrator, 'ida', { '*/*/*': 'viewer' });
      const elsewhere = await another(user);
      await elsewhere.goto('/account');
      await logIn(page, server.url, user);
      await page.goto('/account');
      const fill = async (current: string, next: string, again: string) => {
        await card(page, 'password').locator('[name=current]').fill(current);
        await card(page, 'password').locator('[name=password]').fill(next);
        await card(page, 'password').locator('[name=again]').fill(again);
        await page.getByRole('button', { name: 'Change password' }).click();
      };
      await fill('not the present one', password, password);
      await expect(card(page, 'password').locator('.wrong')).toHaveText('The current password is incorrect.');
      await fill(user.password, password, 'something else entirely');
      await expect(card(page, 'password').locator('.wrong')).toHaveText('The passwords do not match. Type them again.');
      await fill(user.password, 'short', 'short');
      await expect(card(page, 'password').locator('.wrong')).toHaveText('Use 12 to 128 characters.');
      await fill(user.password, password, password);
      await expect(page).toHaveURL(/\/login$/);
      await expect(page.locator('#flash')).toHaveText('Password changed. Log in with the new one.');
      await elsewhere.goto('/account');
      await expect(elsewhere).toHaveURL(/\/login\?next=/);
      await logIn(page, server.url, { name: user.name, password });
      await expect(page.locator('header')).toContainText(user.name);
    });

    test('log out everywhere ends all sessions', async ({ page, server, administrator, another }) => {
      const user = await createUser(server, administrator, 'ines', { '*/*/*': 'viewer' });
      const elsewhere = await another(user);
      await elsewhere.goto('/account');
      await logIn(page, server.url, user);
      await page.goto('/account');
      await card(page, 'sessions').getByRole('button', { name: 'Log out everywhere' }).click();
      await expect(page).toHaveURL(/\/login$/);
      await expect(page.locator('#flash')).toHaveText('You are logged out everywhere.');
      for (const tab of [page, elsewhere]) {
        await tab.goto('/account');
        await expect(tab).toHaveURL(/\/login\?next=/);
      }
    });

    test('disabling a user ends the sessions at once and keeps the input', async ({
      page, server, signIn, administrator, another, allowErrors,
    }) => {
      allowErrors(/401 |422 .*\/fn\/log-in/);
      const { name: app } = await application(server);
      const user = await createUser(server, administrator, 'otto', { [`dev/${app}/*`]: 'editor' });
      const otto = await another(user);
      await otto.goto(`/configs/dev/${app}/application?add=true`);
      await otto.locator('#item [name=key]').fill('half.typed');
      await otto.locator('#item [name=value]').fill('not lost');

      await signIn(page);
      await page.goto('/users');
      await page.getByRole('link', { name: user.name }).click();
      await page.getByLabel('Disabled: cannot log in').check();
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      await expect(page.locator('#flash')).toContainText('Saved');
      await expect(page.getByLabel('Disabled: cannot log in')).toBeChecked();

      await otto.locator('#item button.primary').click();
      await expect(otto.getByRole('heading', { level: 1 })).toHaveText('You are no longer logged in');
      await expect(otto.locator('input[name=value]')).toHaveValue('not lost');
      await otto.goto('/');
      await expect(otto).toHaveURL(/\/login$/);
      await otto.locator('[name=name]').fill(user.name);
      await otto.locator('[name=password]').fill(user.password);
      await otto.getByRole('button', { name: 'Log in' }).click();
      await expect(otto.locator('.wrong')).toHaveText('Incorrect user name or password.');

      // Enabled again, the user can log in.
      await page.getByLabel('Disabled: cannot log in').uncheck();
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      await expect(page.getByLabel('Disabled: cannot log in')).not.toBeChecked();
      await logIn(otto, server.url, user);
      await expect(otto.locator('header')).toContainText(user.name);
    });
  });
}

test('the input of an ended session is sent again after a log-in in another tab', async ({
  server, administrator, another, allowErrors,
}) => {
  allowErrors(/401 /);
  const { name: app } = await application(server);
  const user = await createUser(server, administrator, 'olga', { [`dev/${app}/*`]: 'editor' });
  const olga = await another(user);
  await olga.goto(`/configs/dev/${app}/application?add=true`);
  await olga.locator('#item [name=key]').fill('half.typed');
  await olga.locator('#item [name=value]').fill('not lost');
  const old = (await session(server, user)).find(({ name }) => /^(__Host-)?trimtab$/.test(name));
  await olga.context().clearCookies({ name: old!.name });
  await olga.locator('#item button.primary').click();
  await expect(olga.getByRole('heading', { level: 1 })).toHaveText('You are no longer logged in');
  const [tab] = await Promise.all([olga.waitForEvent('popup'), olga.getByRole('link', { name: 'Log in (new tab)' }).click()]);
  await logIn(tab, server.url, user);
  await olga.getByRole('button', { name: 'Send again' }).click();
  await expect(olga.locator('table.items')).toContainText('not lost');
});
