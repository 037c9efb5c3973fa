// Prints the help of a program and of its subcommands as JSON, without a process for each: `node helps.mjs MAIN NAME`.
import { pathToFileURL } from 'node:url';

const [file = '', name = ''] = process.argv.slice(2);
const { main } = await import(pathToFileURL(file).href);
const write = process.stdout.write.bind(process.stdout);
const left = new Error('the program has left');

/** What the program prints when it is asked by those words; it leaves as it would if it were alone. */
async function help(...words) {
  let text = '';
  process.stdout.write = (piece) => {
    text += String(piece);
    return true;
  };
  process.exit = () => {
    throw left;
  };
  try {
    await main(['node', name, ...words, '--help']);
  } catch (error) {
    if (error !== left) throw error;
  } finally {
    process.stdout.write = write;
  }
  return text;
}

const whole = await help();
const listed = /^Commands:\n((?: .*\n)+)/m.exec(whole)?.[1] ?? '';
const helps = { [name]: whole };
for (const [, word = ''] of listed.matchAll(/^ {2}([a-z][\w-]*)/gm)) {
  if (word !== 'help') helps[`${name} ${word}`] = await help(word);
}
write(JSON.stringify(helps));
