import { defineConfig } from '@playwright/test';
import type { Options } from './support/test';

export default defineConfig<object, Options>({
  testDir: 'tests',
  outputDir: 'test-results',
  forbidOnly: !!process.env.CI,
  // No retries: a test that passes only the second time has found a bug.
  retries: 0,
  workers: 2,
  timeout: 30_000,
  expect: { timeout: 5_000 },
  reporter: [['list'], ['html', { open: 'never' }]],
  use: {
    actionTimeout: 5_000,
    navigationTimeout: 10_000,
    // Page transitions only cost time here. islands.spec.ts tests with them.
    contextOptions: { reducedMotion: 'reduce' },
    // Screenshots of every step would take longer than the steps.
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
  // The same tests run on both set-ups. Screenshots are taken only on demand.
  projects: process.env.SCREENSHOTS
    ? [{ name: 'screenshots', testDir: '.', testMatch: 'screenshots.ts', use: { setup: 'embedded' } }]
    : [
        { name: 'embedded', use: { setup: 'embedded' } },
        { name: 'cluster', use: { setup: 'cluster' } },
      ],
});
