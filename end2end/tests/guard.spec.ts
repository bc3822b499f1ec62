// Tests of the fixture that fails a test on browser errors: the first three have to fail.

import { test } from '../support/test';

test.fail('an error on the console', async ({ page }) => {
  await page.goto('/login');
  await page.evaluate(() => console.error('on purpose'));
});

test.fail('an exception', async ({ page }) => {
  await page.goto('/login');
  const thrown = page.waitForEvent('pageerror');
  await page.evaluate(() => void setTimeout(() => { throw new Error('on purpose'); }));
  await thrown;
});

test.fail('a violation of the CSP', async ({ page }) => {
  await page.goto('/login');
  const reported = page.waitForEvent('console', (message) => message.text().startsWith('CSP:'));
  await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'document.title = "run"';
    document.body.append(script);
  });
  await reported;
});

test('an error that was allowed', async ({ page, allowErrors }) => {
  allowErrors(/on purpose/);
  await page.goto('/login');
  await page.evaluate(() => console.error('on purpose'));
});
