// The home page with what needs attention, favourites, and the pictures of the last 24 hours.

import { application, createAdministrator, createUser, post, read, session } from '../support/prepare';
import { card, expect, expectAccessible, expectNoSideways, test } from '../support/test';

for (const scripts of [true, false]) {
  test.describe(scripts ? 'with scripts' : 'without scripts', () => {
    test.use({ javaScriptEnabled: scripts });

    test('a star puts an application and a config on the home page', async ({ page, server }) => {
      const { name: app } = await application(server);
      await page.context().addCookies(await session(server, await createAdministrator(server, `star-${app}`)));
      await page.goto('/');
      await expect(card(page, 'favourites')).toContainText('The star on the page');
      const star = page.getByRole('button', { name: 'Favourite', exact: true });
      for (const path of [`/apps/${app}`, `/configs/prod/${app}/application`]) {
        await page.goto(path);
        await expect(star).toHaveAttribute('aria-pressed', 'false');
        await star.click();
        await expect(star).toHaveAttribute('aria-pressed', 'true');
        await expect(page).toHaveURL(new RegExp(`${path}$`));
      }
      await page.goto('/');
      await expect(card(page, 'favourites').getByRole('link')).toHaveText([app, new RegExp(`${app} / application`)]);
      await page.goto('/search');
      await expect(card(page, 'favourites').getByRole('link')).toHaveCount(2);
      await page.goto(`/apps/${app}`);
      await star.click();
      await expect(star).toHaveAttribute('aria-pressed', 'false');
      await page.goto('/');
      await expect(card(page, 'favourites').getByRole('link')).toHaveCount(1);
    });
  });
}

test('changes of others and conflicts are on the home page', async ({ page, server }) => {
  const { name: app, api } = await application(server);
  const config = `dev/${app}/application`;
  await api.publish([{ config, set: { pool: '8' } }]);
  const root = await createAdministrator(server, `root-${app}`);
  const editor = await createUser(server, root, 'editor', { [`*/${app}/*`]: 'editor' });
  const publisher = await createUser(server, root, 'publisher', { [`*/${app}/*`]: 'publisher' });
  const fields = { config, base: '1', version: '0', key: 'pool', value: '16', kind: 'string' };
  await post(server, 'save-item', fields, await session(server, editor));
  await page.context().addCookies(await session(server, publisher));
  await page.goto('/');
  await expect(card(page, 'others')).toContainText(`${app} / application`);
  await expect(card(page, 'others')).toContainText(editor.name);
  await api.publish([{ config, set: { pool: '32' } }]);
  await page.context().clearCookies();
  await page.context().addCookies(await session(server, editor));
  await page.goto('/');
  await expect(card(page, 'others')).toHaveCount(0);
  await expect(card(page, 'look')).toContainText('has conflicts');
});

test('pages of applications and environments say where the pictures come from', async ({ page, server }) => {
  const { name: app, api } = await application(server);
  const config = `prod/${app}/application`;
  await api.publish([{ config, set: { pool: '8' } }]);
  // The release may still be on its way.
  await expect(() => read(server, api.token, config)).toPass();
  await page.context().addCookies(await session(server, await createAdministrator(server, `look-${app}`)));
  for (const path of [`/apps/${app}`, '/envs/prod', '/delivery/prod']) {
    await page.goto(path);
    await expect(card(page, 'last-day')).toContainText('Kept in the memory of this node');
    await expectAccessible(page);
    await expectNoSideways(page);
  }
});
