// The history of a config: comparing any two releases, and refused rollbacks. config.spec.ts has a successful one.

import { Api, application, reads } from '../support/prepare';
import { card, expect, test } from '../support/test';

for (const scripts of [true, false]) {
  test.describe(scripts ? 'with scripts' : 'without scripts', () => {
    test.use({ javaScriptEnabled: scripts });

    let app: string, path: string, token: string;
    test.beforeEach(async ({ page, server, signIn }) => {
      const { name, api } = await application(server);
      [app, path, token] = [name, `/configs/prod/${name}/application`, api.token];
      const config = `prod/${app}/application`;
      await api.publish([{ config, set: { pool: '16', url: 'mysql://db', old: 'yes' } }, { config: `dev/${app}/application`, set: { pool: '4', debug: 'on' } }]);
      await api.publish([{ config, set: { pool: '32' } }]);
      await api.publish([{ config, set: { pool: '48', new: 'yes' }, remove: ['old'] }], 'Bigger pool');
      await signIn(page);
    });

    test('each line of a text names the release that last changed it', async ({ page, server }) => {
      const { name, api } = await application(server);
      await api.call('PUT', `apps/${name}/namespaces/routes.yaml`, { format: 'yaml' });
      const config = `prod/${name}/routes.yaml`;
      await api.publish([{ config, text: 'a: 1\nb: 1\n' }], 'The first routes');
      await api.publish([{ config, text: 'a: 1\nb: 2\nc: 3\n' }], 'More routes');
      await page.goto(`/configs/prod/${name}/routes.yaml`);
      await page.getByRole('link', { name: 'Last change of each line' }).click();
      await expect(page.locator('#blame tbody tr')).toHaveText([/Release 1|release 1.*The first routes.*1a: 1/s, /release 2.*More routes.*2b: 2.*3c: 3/s]);
    });

    test('any two releases are compared, in both views', async ({ page }) => {
      // By default: the changes of the live release.
      await page.goto(`${path}/difference`);
      await expect(page.locator('.versus')).toContainText('Release 2 → Live, release 3');
      await expect(page.locator('.versus .sum')).toHaveText('1 added1 changed1 removed');
      await page.getByText('Compare others').click();
      await page.getByLabel('From', { exact: true }).selectOption('1');
      await page.getByLabel('To', { exact: true }).selectOption('2');
      await page.getByRole('button', { name: 'Compare', exact: true }).click();
      await expect(page).toHaveURL(/from=1&to=2/);
      await expect(page.locator('.versus')).toContainText('Release 1 → Release 2');
      const hunks = page.locator('.hunks > li');
      await expect(hunks).toHaveCount(1);
      await expect(hunks.locator('.o')).toHaveText('16');
      await expect(hunks.locator('.n').last()).toHaveText('32');
      await page.getByRole('link', { name: 'Side by side' }).click();
      await expect(page).toHaveURL(/from=1&to=2&view=split/);
      await expect(page.locator('table.diff tbody tr')).toHaveText(/pool.*changed.*16.*32/);
      // In reverse, and with itself.
      await page.goto(`${path}/difference?from=3&to=1`);
      await expect(page.locator('.hunks > li.added')).toHaveText(/old/);
      await expect(page.locator('.hunks > li.removed')).toHaveText(/new/);
      await page.goto(`${path}/difference?from=2&to=2`);
      await expect(page.locator('main')).toContainText('No differences.');
    });

    test('texts are compared by key, whatever their order', async ({ page, server }) => {
      const api = await Api.of(server);
      const config = `prod/${app}/routes`;
      await api.publish([{ config, text: 'server:\n  port: 80\n  host: a\n' }]);
      await api.publish([{ config, text: 'server:\n  host: a\n  port: 8080\n  tls: true\n' }]);
      await api.publish([{ config, text: 'server: {port: 8080, tls: true, host: a}\n' }]);
      await page.goto(`/configs/prod/${app}/routes/difference?from=1&to=2`);
      await page.getByRole('link', { name: 'By key' }).click();
      await expect(page).toHaveURL(/from=1&to=2&view=keys/);
      await expect(page.locator('.versus .sum')).toHaveText('1 added1 changed');
      await expect(page.locator('.hunks > li')).toHaveText([/^server\.port changed.*80.*8080/, /^server\.tls added.*true/]);
      await page.goto(`/configs/prod/${app}/routes/difference?view=keys`);
      await expect(page.locator('main')).toContainText('All keys are equal. Only their order');
      // A text that is not a single object is compared by line.
      await api.publish([{ config, text: '- port: 80\n' }]);
      await page.reload();
      await expect(page.locator('main')).toContainText('Compared by line instead');
      await expect(page.locator('table.diff')).toContainText('- port: 80');
      // Items have keys anyway.
      await page.goto(`${path}/difference`);
      await expect(page.getByRole('link', { name: 'By key' })).toHaveCount(0);
    });

    test('the history of a key shows who changed it, and restores a value', async ({ page }) => {
      await page.goto(path);
      const row = page.locator('#items tr').filter({ hasText: 'pool' });
      await row.locator('td.when a').first().click();
      await expect(page.getByRole('heading', { name: 'History of pool' })).toBeVisible();
      const rows = page.locator('table.history tbody tr');
      await expect(rows).toHaveCount(3);
      await expect(rows.nth(0)).toHaveText(/^3 changed.*32.*48.*Bigger pool/);
      await expect(rows.nth(2)).toHaveText(/^1 added.*16/);
      // The live value needs no restoring.
      await expect(page.getByRole('button', { name: 'Restore this value' })).toHaveCount(2);
      await rows.nth(2).getByRole('button', { name: 'Restore this value' }).click();
      await expect(page).toHaveURL(/at=pool/);
      await expect(row).toHaveClass(/changed/);
      await expect(row.locator('ins')).toHaveText('16');
      await page.goto(`${path}/history?key=old`);
      await expect(rows).toHaveText([/^3 removed.*yes/, /^1 added.*yes/]);
      await page.goto(`${path}/history?key=never`);
      await expect(page.locator('main')).toContainText('No release has this key.');
    });

    test('an environment is compared with another', async ({ page }) => {
      await page.goto(`${path}/difference`);
      await page.getByRole('navigation', { name: 'Compared with' }).getByRole('link', { name: 'dev' }).click();
      await expect(page.locator('.versus')).toContainText('dev, release 1 → Live, release 3');
      const hunk = (key: string) => page.locator('.hunks > li').filter({ hasText: key });
      await expect(hunk('pool')).toHaveClass('changed');
      await expect(hunk('debug')).toHaveClass('removed');
      await expect(hunk('url')).toHaveClass('added');
      // Without a release on one side, all keys are new.
      await page.getByRole('navigation', { name: 'Compared with' }).getByRole('link', { name: 'staging' }).click();
      await expect(page.locator('.versus')).toContainText('staging, nothing yet');
      await expect(page.locator('.hunks > li.added')).toHaveCount(3);
    });

    test('a rollback is refused without a reason and the name, and after a newer release', async ({
      page, server, allowErrors,
    }) => {
      allowErrors(/4(09|12|22) .*\/fn\/roll-back/);
      await page.goto(`${path}/releases`);
      await page.getByRole('link', { name: 'Roll back to release 1' }).click();
      await expect(page).toHaveURL(/\/releases\/1#roll-back$/);
      const back = page.locator('#back');
      await expect(card(page, 'roll-back').locator('.hunks > li')).toHaveCount(3);
      await back.locator('[name=message]').fill('16 was enough');
      await back.locator('[name=confirm]').fill('staging');
      await back.getByRole('button').click();
      await expect(back.locator('[name=confirm]')).toHaveAttribute('aria-invalid', 'true');
      await expect(back.locator('.wrong')).toHaveText('Type “prod” to confirm.');
      await expect(back.locator('[name=message]')).toHaveValue('16 was enough');
      await reads(server, token, `prod/${app}/application`, { release: 3 });

      // A release is published before the form is sent: the difference is no longer the reviewed one.
      const api = await Api.of(server);
      await api.publish([{ config: `prod/${app}/application`, set: { pool: '50' } }]);
      await back.locator('[name=confirm]').fill('prod');
      await back.getByRole('button').click();
      await expect(page.locator('#notice')).toContainText('The difference has changed since you reviewed it');
      await reads(server, token, `prod/${app}/application`, { release: 4, content: { pool: '50' } });
      await expect(back.locator('[name=message]')).toHaveValue('16 was enough');
      await back.locator('[name=confirm]').fill('prod');
      await back.getByRole('button').click();
      await expect(page.locator('#flash')).toContainText('Release 5 is delivered');
      await reads(server, token, `prod/${app}/application`, { release: 5, content: { pool: '16', old: 'yes' } });
      // There is no rollback to a release that equals the live one.
      await page.goto(`${path}/releases/1`);
      await expect(card(page, 'roll-back')).toContainText('Its content is already live, as release 5.');
    });

    test('the page of an old release is complete', async ({ page }) => {
      await page.goto(`${path}/releases/3`);
      await expect(page.locator('.about-release')).toContainText('Bigger pool');
      await expect(page.locator('.about-release')).toContainText('live');
      await page.getByRole('link', { name: 'Content', exact: true }).click();
      await expect(page.locator('table.items tbody tr')).toHaveText([/pool.*48/, /url.*mysql/, /new.*yes/]);
      await page.goto(`${path}/releases/1?show=live`);
      await expect(page.locator('section.stack .hunks > li.removed')).toHaveText(/new/);
      await page.getByRole('link', { name: 'View change' }).click();
      await expect(page.locator('.head .badge')).toHaveText('published');
      await expect(page.locator('.of-config')).toHaveCount(2);
    });
  });
}

test('a missing release has no page', async ({ page, server, signIn, allowErrors }) => {
  allowErrors(/404 /);
  const { name, api } = await application(server);
  await api.publish([{ config: `dev/${name}/application`, set: { a: '1' } }]);
  await signIn(page);
  for (const seq of ['2', '0', '-1', 'x', '99999999999999999999']) {
    const answer = await page.goto(`/configs/dev/${name}/application/releases/${seq}`);
    expect(answer!.status(), seq).toBe(404);
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Page not found');
  }
});

test('a long history has pages', async ({ page, server, signIn }) => {
  const { name, api } = await application(server);
  for (let n = 1; n <= 53; n++) await api.publish([{ config: `dev/${name}/application`, set: { n: `${n}` } }]);
  await signIn(page);
  await page.goto(`/configs/dev/${name}/application/releases`);
  const numbers = page.locator('tbody tr td:first-child b');
  await expect(numbers).toHaveCount(50);
  await expect(numbers.first()).toHaveText('53');
  await page.getByRole('link', { name: 'Older' }).click();
  await expect(numbers).toHaveText(['3', '2', '1']);
  await page.getByRole('link', { name: 'Newer' }).click();
  await expect(numbers.first()).toHaveText('53');
});
