// Who else has a page of a config open, and a release that comes while somebody types.

import { application, createUser } from '../support/prepare';
import { expect, expectAccessible, expectNoSideways, test } from '../support/test';

test('the page names the other people, until they leave', async ({ page, server, signIn, another, administrator }) => {
  const { name, api } = await application(server, 'presence');
  await api.publish([{ config: `dev/${name}/application`, set: { a: '1' } }]);
  const user = await createUser(server, administrator, 'marek', { [`dev/${name}/*`]: 'editor' });
  await signIn(page);
  await page.goto(`/configs/dev/${name}/application`);
  await expect(page.locator('html[data-alive]')).toBeAttached();
  const here = page.locator('#people');
  await expect(here).toHaveText('');
  const other = await another(user);
  await other.goto(`/configs/dev/${name}/application/readers`);
  await expect(here).toHaveText(`Also here: ${user.name}`);
  await expect(other.locator('#people')).toContainText(administrator.name);
  await other.goto('/');
  await expect(here).toHaveText('', { timeout: 15_000 });
});

test('a newer release is announced, and shown without losing what is typed', async ({ page, server, signIn, allowErrors }) => {
  allowErrors(/412 .*\/fn\/save-item/);
  const { name, api } = await application(server, 'presence');
  const config = `dev/${name}/application`;
  await api.publish([{ config, set: { a: '1', b: '1' } }]);
  await signIn(page);
  await page.goto(`/configs/${config}?edit=a`);
  await expect(page.locator('html[data-alive]')).toBeAttached();
  const field = page.locator('#edit').getByLabel('Value', { exact: true });
  await field.fill('mine');
  const newer = page.locator('#newer');
  await expect(newer).toBeHidden();
  await api.publish([{ config, set: { a: 'theirs', b: '2' } }]);
  await expect(newer).toContainText('Release 2');
  await expect(field).toHaveValue('mine');
  await expectAccessible(page);
  await page.setViewportSize({ width: 320, height: 800 });
  await expectNoSideways(page);
  await newer.getByRole('button', { name: 'Show it' }).click();
  await expect(page.locator('#items')).toContainText('2');
  await expect(newer).toBeHidden();
  await expect(field).toHaveValue('mine');
  // Saving still meets the other value.
  await page.locator('#edit').getByRole('button', { name: 'Save' }).click();
  await expect(page.locator('#edit')).toContainText('theirs');
});
