import { expect, test } from '../support/test';

test('the server is healthy', async ({ request }) => {
  const answer = await request.get('/healthz');
  expect(answer.status()).toBe(200);
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('the log-in page is shown', async ({ page, administrator }) => {
    expect(administrator.name).not.toBe('');
    await page.goto('/login');
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    await expect(page.locator('input[autocomplete="current-password"]')).toBeVisible();
  });
});
