import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'

const here = new URL('./', import.meta.url)
const page = await readFile(new URL('../../../docs/ARCHITECTURE.md', import.meta.url), 'utf8')

async function sourceOf(file: string): Promise<string> {
  return readFile(new URL(file, here), 'utf8')
}

describe('docs/ARCHITECTURE.md', () => {
  it('names files and functions that exist', async () => {
    const places = [...page.matchAll(/`([\w/-]+\.ts):(\w+)`/g)]
    assert.ok(places.length > 20, `${places.length} places`)
    for (const [, file, name] of places) {
      assert.match(await sourceOf(file!), new RegExp(`\\b${name}\\b`), `${file}:${name}`)
    }
  })

  it('names a test that exists for each invariant', async () => {
    const invariants = [...page.matchAll(/^\| \d+ \| .* \| `([\w/.-]+\.test\.ts)`: (.*) \|$/gm)]
    assert.ok(invariants.length >= 10, `${invariants.length} invariants`)
    for (const [, file, title] of invariants) {
      assert.ok((await sourceOf(file!)).includes(title!), `${file}: ${title}`)
    }
  })
})
