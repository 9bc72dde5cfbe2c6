// Runs on any Node, so it is CommonJS of the oldest kind: the version check must not itself need a new Node.
const [major, minor] = process.versions.node.split('.').map(Number)
if (!(major > 24 || (major === 24 && minor >= 15))) {
  console.error(
    `Millrace needs Node 24.15 or later, this is ${process.versions.node} (${process.execPath}).\n` +
      'On Linux x64 `npm install` brings its own Node and npm scripts use it: run `npm install` without --omit=optional.\n' +
      'Elsewhere install Node 24.15 or later from nodejs.org and run the command again.',
  )
  process.exit(1)
}
