// Plays `xmigrate disk-listen` and `disk-connect`: says what they say, and carries nothing.
const say = (event, fields) => process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
const isNear = process.argv.includes('disk-connect');
if (process.argv.includes('broken')) {
  process.stderr.write('no XIA host to attach to\n');
  process.exit(2);
}
if (isNear) say('attached', { hid: 'HID:1' });
process.stdin.on('data', () => say('listening', { dag: 'RE SID:1' }));
process.stdin.on('end', () => process.exit(0));
