// Tokens: shown once, limited to their scope, invalid once revoked or expired.

import { application, ask, reads, unique } from '../support/prepare';
import { card, expect, test } from '../support/test';

for (const scripts of [true, false]) {
  test.describe(scripts ? 'with scripts' : 'without scripts', () => {
    test.use({ javaScriptEnabled: scripts });

    test('a token is shown once, reads its scope, and is refused once revoked', async ({ page, server, signIn }) => {
      const { name: app, api } = await application(server);
      await api.publish([{ config: `dev/${app}/application`, set: { a: '1' } }]);
      await api.publish([{ config: `prod/${app}/application`, set: { a: '2' } }]);
      await signIn(page);
      const name = unique('reader');
      await page.goto(`/apps/${app}/tokens`);
      await page.getByRole('link', { name: 'Create token' }).click();
      await page.locator('[name=name]').fill(name);
      // The application is preselected.
      await expect(page.locator('[name="patterns[0][app]"]')).toHaveValue(app);
      await page.locator('[name="patterns[0][env]"]').selectOption('dev');
      await page.locator('[name=days]').selectOption('7');
      await page.getByRole('button', { name: 'Create token' }).click();
      const token = (await card(page, 'text').locator('pre').innerText()).trim();
      expect(token).toMatch(/^ttr_/);
      await expect(card(page, 'text')).toContainText(`${app} in dev`);
      await expect(card(page, 'try').locator('pre')).toContainText(`curl -H 'Authorization: Bearer ${token}' ${server.url}/api/v1/configs/dev/${app}`);
      expect(page.url()).not.toContain(token);

      await reads(server, token, `dev/${app}/application`, { release: 1, content: { a: '1' } });
      const beyond = await ask(server, token, `prod/${app}/application`);
      expect([beyond.status, (await beyond.json()).type]).toEqual([403, '/problems/forbidden']);
      const written = await fetch(`${server.url}/api/v1/apps/${app}`, {
        method: 'PUT', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: '{}',
      });
      expect(written.status).toBe(403);

      // No other page contains the token.
      await page.getByRole('link', { name: 'I have copied it' }).click();
      await expect(page.getByRole('heading', { level: 1 })).toHaveText('Tokens');
      const row = page.locator('#tokens-table tr').filter({ hasText: name });
      await expect(row).toContainText(`${app} in dev`);
      await expect(row).toContainText('soon');
      expect(await page.content()).not.toContain(token);

      await row.getByRole('button', { name: 'Revoke' }).click();
      const sure = page.getByRole('dialog', { name: `Revoke ${name}?` });
      await sure.getByRole('button', { name: 'Revoke' }).click();
      await expect(page.locator('#flash')).toHaveText(`${name} was revoked.`);
      await expect(row).toHaveCount(0);
      await expect.poll(async () => (await ask(server, token, `dev/${app}/application`)).status).toBe(401);
      const refused = await ask(server, token, `dev/${app}/application`);
      expect(await refused.json()).toMatchObject({ status: 401, detail: expect.stringContaining('Ask for a new one.') });
      await page.goto('/tokens?all=true');
      await expect(row).toContainText('revoked');
    });
  });
}

test('a token expires', async ({ page, server, signIn }) => {
  const { name: app, api } = await application(server);
  await api.publish([{ config: `dev/${app}/application`, set: { a: '1' } }]);
  const name = unique('short');
  const token = await server.cli(['token', 'create', '--name', name, '--read', `dev/${app}/*`, '--expires', '4s']);
  const status = async () => (await ask(server, token, `dev/${app}/application`)).status;
  await expect.poll(status, { intervals: [50] }).toBe(200);
  await expect.poll(status, { intervals: [200] }).toBe(401);
  expect((await (await ask(server, token, `dev/${app}/application`)).json()).detail).toContain('has expired');
  await signIn(page);
  await page.goto(`/apps/${app}/tokens?all=true`);
  await expect(page.locator('#tokens-table tr').filter({ hasText: name })).toContainText('expired');
});
