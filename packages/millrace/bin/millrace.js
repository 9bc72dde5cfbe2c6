#!/usr/bin/env node
// Any Node must be able to read this file as far as the message, so nothing is imported before the check.
import { existsSync } from 'node:fs'

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 24 || (major === 24 && minor < 15)) {
  console.error(
    `Millrace needs Node 24.15 or later, this is ${process.versions.node} (${process.execPath}).\n` +
      'Install Node 24.15 or later from nodejs.org and run the command again.',
  )
  process.exitCode = 1
} else {
  const sources = new URL('../src/cli/main.ts', import.meta.url)
  const isUnbuiltRepository =
    existsSync(sources) && !existsSync(new URL('../dist/cli/main.js', import.meta.url))
  await import(isUnbuiltRepository ? sources.href : '#cli')
}
