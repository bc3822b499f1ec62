// The editor of texts and long values. Without scripts, and until it is loaded, the field is a textarea.

import type { Page } from '@playwright/test';
import { application, createUser } from '../support/prepare';
import { expect, expectAccessible, expectNoSideways, expectTargets, test, type Server } from '../support/test';

const content = (page: Page) => page.locator('.cm-content');
const field = (page: Page, name = 'text') => page.locator(`textarea[name=${name}]`);
const says = (page: Page) => page.locator('.code-editor [role=status]');

async function openText(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await expect(content(page)).toBeVisible();
}

/** Creates a config of a format with this live text, and returns its page. */
async function textConfig(server: Server, format: string, text?: string): Promise<{ path: string }> {
  const { name, api } = await application(server, 'editor');
  await api.call('PUT', `apps/${name}/namespaces/doc`, { format });
  const config = `dev/${name}/doc`;
  if (text !== undefined) await api.publish([{ config, text }]);
  return { path: `/configs/${config}` };
}

async function saveAndExport(page: Page, path: string): Promise<string> {
  // A text of a megabyte takes longer on a busy machine.
  const timeout = 20_000;
  await page.locator('#text button[type=submit]').first().click();
  await expect(page.locator('#flash')).toContainText('Saved', { timeout });
  await page.locator('#publish button').click();
  await expect(page.locator('#flash')).toContainText('is delivered', { timeout });
  return (await page.request.get(`${path}/export`)).text();
}

const samples: Record<string, [text: string, token: string]> = {
  json: ['{\n  "port": 8080,\n  "on": true\n}\n', '.tok-propertyName'],
  yaml: ['server:\n  port: 8080\n  host: a\n', '.tok-propertyName'],
  toml: ['title = "shop"\n[server]\nport = 8080\n', '.tok-string'],
  properties: ['# a comment\nserver.port=8080\n', '.tok-comment'],
  xml: ['<beans>\n  <bean id="a"/>\n</beans>\n', '.tok-typeName'],
};

test.describe('with scripts', () => {
  test.beforeEach(async ({ page, signIn }) => signIn(page));

  for (const [format, [text, token]] of Object.entries(samples)) {
    test(`${format} is highlighted`, async ({ page, server }) => {
      const { path } = await textConfig(server, format, text);
      await openText(page, path);
      await expect(page.locator(token).first()).toBeVisible();
      await expect(content(page)).toHaveAttribute('aria-label', `${format} document`);
      await expect(field(page)).toHaveValue(text);
    });
  }

  test('a plain text has line numbers and no highlighting', async ({ page, server }) => {
    const { path } = await textConfig(server, 'text', 'one\ntwo\n');
    await openText(page, path);
    await expect(page.locator('.cm-lineNumbers .cm-gutterElement').last()).toHaveText('3');
    await expect(page.locator('[class^=tok-]')).toHaveCount(0);
  });

  test('typing, undo and Tab change the field of the form', async ({ page, server }) => {
    const { path } = await textConfig(server, 'yaml', 'a: 1\n');
    await openText(page, path);
    await content(page).click();
    await page.keyboard.press('ControlOrMeta+End');
    await page.keyboard.type('b: 2');
    await expect(field(page)).toHaveValue('a: 1\nb: 2');
    await page.keyboard.press('ControlOrMeta+z');
    await expect(field(page)).toHaveValue('a: 1\n');
    await page.keyboard.press('Tab');
    await expect(field(page)).toHaveValue('a: 1\n  ');
    await expect(content(page)).toBeFocused();
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.type('c: 3');
    await expect(field(page)).toHaveValue('c: 3');
  });

  test('Escape and Tab leave the editor, which says so', async ({ page, server }) => {
    const { path } = await textConfig(server, 'yaml', 'a: 1\n');
    await openText(page, path);
    await content(page).click();
    await page.keyboard.press('Escape');
    await expect(says(page)).toHaveText('Tab now leaves the editor.');
    await page.keyboard.press('Tab');
    await expect(page.locator('#text button[type=submit]').first()).toBeFocused();
    await expect(says(page)).toHaveText('');
    await expect(field(page)).toHaveValue('a: 1\n');
    await page.keyboard.press('Shift+Tab');
    await expect(content(page)).toBeFocused();
    const described = (await content(page).getAttribute('aria-describedby'))!.split(' ')[0]!;
    await expect(page.locator(`#${described}`)).toContainText('Esc, then Tab');
  });

  test('a mistake is underlined at its line and column while typing', async ({ page, server }) => {
    const { path } = await textConfig(server, 'json', '{\n  "a": 1,\n  "b": 2\n}\n');
    await openText(page, path);
    await page.locator('.cm-line').nth(2).click();
    await page.keyboard.press('End');
    await page.keyboard.type(' oops');
    const line = page.locator('.cm-line', { hasText: 'oops' });
    await expect(line.locator('.cm-lintRange-error')).toHaveText('oops');
    await expect(says(page)).toContainText('Line 3, column 10');
    await expectAccessible(page);
    for (let n = 0; n < ' oops'.length; n++) await page.keyboard.press('Backspace');
    await expect(page.locator('.cm-lintRange-error')).toHaveCount(0);
    await expect(says(page)).toHaveText('');
  });

  test('folds, finds and replaces', async ({ page, server }) => {
    const { path } = await textConfig(server, 'yaml', 'server:\n  port: 8080\n  other: 8080\nlast: 1\n');
    await openText(page, path);
    await page.locator('.cm-foldGutter span[title=Fold]').first().click();
    await expect(page.locator('.cm-foldPlaceholder')).toBeVisible();
    await expect(page.locator('.cm-line')).toHaveCount(3);
    await page.locator('.cm-foldPlaceholder').click();
    await content(page).click();
    await page.keyboard.press('ControlOrMeta+f');
    await page.keyboard.type('8080');
    await expect(page.locator('.cm-searchMatch')).toHaveCount(2);
    await page.getByRole('textbox', { name: 'Replace' }).fill('9090');
    await expectAccessible(page);
    await expectTargets(page);
    await page.getByRole('button', { name: 'Replace all' }).click();
    await expect(field(page)).toHaveValue('server:\n  port: 9090\n  other: 9090\nlast: 1\n');
    await page.keyboard.press('Escape');
    await expect(page.locator('.cm-search')).toHaveCount(0);
    await expect(content(page)).toBeFocused();
  });

  test('JSON is formatted without a change of its values', async ({ page, server }) => {
    const text = '{"big":12345678901234567890123,"e":1e400,"list":[1,{}],"a" : "x\\u00e9"}\n';
    const { path } = await textConfig(server, 'json', text);
    await openText(page, path);
    await page.getByRole('button', { name: 'Format' }).click();
    const formatted = '{\n  "big": 12345678901234567890123,\n  "e": 1e400,\n  "list": [\n    1,\n    {}\n  ],\n  "a": "x\\u00e9"\n}\n';
    await expect(field(page)).toHaveValue(formatted);
    await content(page).click();
    await page.keyboard.press('ControlOrMeta+z');
    await expect(field(page)).toHaveValue(text);
    await page.keyboard.press('Shift+Alt+F');
    await expect(field(page)).toHaveValue(formatted);
  });

  test('only JSON can be formatted', async ({ page, server }) => {
    const { path } = await textConfig(server, 'yaml', 'a:   1\n');
    await openText(page, path);
    await expect(page.getByRole('button', { name: 'Format' })).toBeHidden();
    await content(page).click();
    await page.keyboard.press('Shift+Alt+F');
    await expect(says(page)).toHaveText('Only JSON can be formatted.');
    await expect(field(page)).toHaveValue('a:   1\n');
  });

  test('lines that differ from the live text are marked, also after saving', async ({ page, server }) => {
    const { path } = await textConfig(server, 'yaml', 'a: 1\nb: 2\nc: 3\nd: 4\ne: 5\n');
    await openText(page, path);
    await expect(page.locator('.cm-change')).toHaveCount(0);
    await field(page).fill('a: 1\nb: 20\nc: 3\nnew: 1\nd: 4\n');
    const marks = async () => page.locator('.cm-change').evaluateAll((all) => all.map((mark) => mark.className.replace('cm-change ', '')));
    await expect.poll(marks).toEqual(['changed', 'added', 'removed']);
    await page.locator('#text button[type=submit]').first().click();
    await expect(page.locator('#my-change .sum')).toBeVisible();
    // The swap has replaced the form, and it has an editor again.
    await expect.poll(marks).toEqual(['changed', 'added', 'removed']);
    await page.reload();
    await expect.poll(marks).toEqual(['changed', 'added', 'removed']);
  });

  test('saves exactly the text: CRLF, tabs, Unicode, the end of the last line', async ({ page, server }) => {
    const { path } = await textConfig(server, 'text', 'one\r\n\ttwo\r\n\r\n商店 \u{1f6d2} e\u0301\u2028x  \r\nlast\r\n');
    await openText(page, path);
    await page.locator('.cm-line').first().click();
    await page.keyboard.press('End');
    await page.keyboard.type(' more');
    expect(await saveAndExport(page, path)).toBe('one more\r\n\ttwo\r\n\r\n商店 \u{1f6d2} e\u0301\u2028x  \r\nlast\r\n');
    await expect(content(page)).toBeVisible();
    await content(page).click();
    await page.keyboard.press('ControlOrMeta+End');
    await page.keyboard.press('Backspace');
    expect(await saveAndExport(page, path)).toBe('one more\r\n\ttwo\r\n\r\n商店 \u{1f6d2} e\u0301\u2028x  \r\nlast');
  });

  test('saving keeps the focus, and a refusal moves it to the editor', async ({ page, server, allowErrors }) => {
    allowErrors(/422 .*save-text/);
    const { path } = await textConfig(server, 'yaml', 'a: 1\n');
    await openText(page, path);
    await field(page).fill('a: [1\nb: 2\n');
    await page.locator('#text button[type=submit]').first().click();
    await expect(page.locator('#text .wrong')).toContainText(/Line \d+, column \d+/);
    await expect(content(page)).toBeFocused();
    await expect(content(page)).toHaveAttribute('aria-invalid', 'true');
    await expect(field(page)).toHaveValue('a: [1\nb: 2\n');
    // What was refused is still marked against the live text.
    await expect(page.locator('.cm-change')).not.toHaveCount(0);
    await expectAccessible(page);
  });

  test('a change of language keeps the input', async ({ page, server }) => {
    const { path } = await textConfig(server, 'yaml', 'a: 1\n');
    await openText(page, path);
    await field(page).fill('a: 商店\nhalf: typed\n');
    const language = page.locator('header button', { hasText: '中文' });
    if (!(await language.isVisible())) await page.locator('header summary').click();
    await language.click();
    await expect(page.locator('html')).toHaveAttribute('lang', 'zh');
    await expect(content(page)).toBeVisible();
    await expect(field(page)).toHaveValue('a: 商店\nhalf: typed\n');
    await expect(page.locator('.cm-line')).toHaveText(['a: 商店', 'half: typed', '']);
    await content(page).click();
    await page.keyboard.press('ControlOrMeta+f');
    await expect(page.getByRole('textbox', { name: '查找' })).toBeFocused();
    await expectAccessible(page);
  });

  test('a long value of an item has it, with the language of its type', async ({ page, server }) => {
    const { name, api } = await application(server, 'editor');
    const value = JSON.stringify({ a: 1, list: [1, 2, 3] }, null, 2);
    await api.publish([{ config: `dev/${name}/application`, set: { doc: { value, type: 'json' }, short: '1' } }]);
    await openText(page, `/configs/dev/${name}/application?edit=doc`);
    await expect(page.locator('.tok-propertyName').first()).toBeVisible();
    await content(page).click();
    await page.keyboard.press('ControlOrMeta+End');
    await page.keyboard.type(']');
    await expect(page.locator('.cm-lintRange-error')).toHaveCount(1);
    await page.keyboard.press('Backspace');
    await expect(page.locator('.cm-lintRange-error')).toHaveCount(0);
    await page.locator('#item select[name=kind]').selectOption('string');
    await expect(page.locator('.tok-propertyName')).toHaveCount(0);
    await expect(page.getByRole('button', { name: 'Format' })).toBeHidden();
    await page.locator('label[for=item-value]').click();
    await expect(content(page)).toBeFocused();
    await field(page, 'value').fill('two\nlines\n');
    await page.locator('#item button.primary').click();
    await expect(page.locator('table.items tr.changed')).toContainText('two');
    expect(await page.locator('.code-editor').count()).toBe(0);
  });

  test('only pages with such a field load it', async ({ page, server }) => {
    const { name, api } = await application(server, 'editor');
    await api.publish([{ config: `dev/${name}/application`, set: { short: '1', long: 'a\nb' } }]);
    const loaded: string[] = [];
    page.on('request', (request) => loaded.push(new URL(request.url()).pathname));
    const editor = /^\/pkg\/editor\.[\w-]{22}\.js$/;
    for (const path of ['', '?edit=short', '?add=true', '/difference', '/import']) {
      await page.goto(`/configs/dev/${name}/application${path}`);
      await expect(page.locator('html[data-alive]')).toBeAttached();
    }
    expect(loaded.filter((path) => editor.test(path))).toEqual([]);
    await openText(page, `/configs/dev/${name}/application?edit=long`);
    const [path] = loaded.filter((path) => editor.test(path));
    const answer = await page.request.get(path!, { headers: { 'accept-encoding': 'br' } });
    expect(answer.headers()['cache-control']).toContain('immutable');
    expect(Number(answer.headers()['content-length'])).toBeLessThanOrEqual(150 * 1024);
  });

  test('is accessible in light, dark and forced colours, and on a phone', async ({ page, server }) => {
    test.setTimeout(120_000);
    for (const [format, [text]] of Object.entries(samples)) {
      const { path } = await textConfig(server, format, text);
      await openText(page, path);
      await field(page).fill(`${text}\nwrong [\n`);
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        await expectAccessible(page);
      }
      await page.emulateMedia({ colorScheme: 'light' });
      await page.setViewportSize({ width: 320, height: 800 });
      await expectNoSideways(page);
      await expectAccessible(page);
      await expectTargets(page);
      await page.setViewportSize({ width: 1280, height: 800 });
    }
    await page.emulateMedia({ forcedColors: 'active' });
    await content(page).focus();
    const outline = await page.locator('.code-editor').evaluate((box) => getComputedStyle(box).outlineStyle);
    expect(outline).toBe('solid');
  });

  test('a text of a megabyte opens and can be edited', async ({ page, server }) => {
    test.setTimeout(60_000);
    const text = `{\n${Array.from({ length: 18_000 }, (_, n) => `  "key.${n}": "value ${n} ${'x'.repeat(30)}"`).join(',\n')}\n}\n`;
    const { path } = await textConfig(server, 'json', text);
    await openText(page, path);
    await expect(field(page)).toHaveValue(text);
    await page.locator('.cm-line').nth(1).click();
    await page.keyboard.press('End');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.type('edited');
    await expect(page.locator('.cm-change')).toHaveCount(1);
    expect(await page.locator('.cm-line').count()).toBeLessThan(200);
    // Sent at once, before the pause after which a long text is copied.
    expect(await saveAndExport(page, path)).toBe(text.replace('x",', 'xedited",'));
  });

  test('a user who may not edit has no editor', async ({ server, administrator, another }) => {
    const { path } = await textConfig(server, 'yaml', 'a: 1\n');
    const page = await another(await createUser(server, administrator, 'vera', { '*/*/*': 'viewer' }));
    await page.goto(path);
    await expect(page.locator('.document')).toContainText('a: 1');
    await expect(page.locator('textarea, .code-editor, link[rel=modulepreload][href*=editor]')).toHaveCount(0);
  });
});

test.describe('without scripts', () => {
  test.use({ javaScriptEnabled: false });

  test('the field is a textarea, and saves the text', async ({ page, server, signIn }) => {
    const { path } = await textConfig(server, 'yaml', 'a: 1\r\nb: 2\r\n');
    await signIn(page);
    await page.goto(path);
    await expect(page.locator('.code-editor')).toHaveCount(0);
    await expect(field(page)).toBeVisible();
    await field(page).fill('a: 1\nb: 3\n');
    expect(await saveAndExport(page, path)).toBe('a: 1\r\nb: 3\r\n');
  });
});
