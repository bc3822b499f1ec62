import { defineConfig } from '@playwright/test';
import type { Options } from './support/test';

export default defineConfig<object, Options>({
  testDir: 'tests',
  outputDir: 'test-results',
  forbidOnly: !!process.env.CI,
  // A test that passes only at the second attempt has found a bug.
  retries: 0,
  workers: 2,
  timeout: 30_000,
  expect: { timeout: 5_000 },
  reporter: [['list'], ['html', { open: 'never' }]],
  use: {
    actionTimeout: 5_000,
    navigationTimeout: 10_000,
    // Transitions between pages only take time. islands.spec.ts tests them.
    contextOptions: { reducedMotion: 'reduce' },
    // Screenshots of every step take longer than the steps.
    trace: { mode: 'retain-on-failure', screenshots: false },
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  // The same tests on both set-ups. Screenshots are a project of their own, on demand.
  projects: process.env.SCREENSHOTS
    ? [{ name: 'screenshots', testDir: '.', testMatch: 'screenshots.ts', use: { setup: 'embedded' } }]
    : [
        { name: 'embedded', use: { setup: 'embedded' } },
        { name: 'cluster', use: { setup: 'cluster' } },
      ],
});
