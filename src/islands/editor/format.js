// Formatting of JSON. Only white space changes: every number and string keeps its spelling.

const TOKEN = /"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s[\]{},:"]+/g;

/** Returns whether texts of this format can be formatted. The server formats none, and other formats have comments. */
export function canFormat(name) {
  return name === 'json';
}

/** Returns the changes of the white space, or `null` if the text is no JSON. */
export function formatChanges(text) {
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  const changes = [];
  let [depth, end, before] = [0, 0, ''];
  const line = () => `\n${'  '.repeat(depth)}`;
  const put = (from, to, insert) => {
    if (text.slice(from, to) !== insert) changes.push({ from, to, insert });
  };
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    const closes = token === '}' || token === ']';
    if (closes) depth -= 1;
    let space = '';
    if (before === ':') space = ' ';
    else if (before === ',') space = line();
    else if (before === '{' || before === '[') space = closes ? '' : line();
    else if (closes) space = line();
    put(end, index, space);
    if (token === '{' || token === '[') depth += 1;
    [end, before] = [index + token.length, token];
  }
  put(end, text.length, text.endsWith('\n') ? '\n' : '');
  return changes;
}
