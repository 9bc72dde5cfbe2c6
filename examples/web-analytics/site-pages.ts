import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { start } from 'millrace'
import { recordsIn } from './replay.ts'
import { type SitePage, sitePages } from './topics.ts'
import type { Where } from './where.ts'

/** Puts the pages of the site into their topic, as far as they are not there yet; the table is complete when requests meet it. */
export async function loadPages(where: Where): Promise<void> {
  const pages = await readPages()
  await using app = await start([], where)
  const loaded = await recordsIn(app, sitePages)
  await Promise.all(pages.slice(loaded).map(page => app.send(sitePages, page)))
}

async function readPages(): Promise<SitePage[]> {
  const text = await readFile(join(import.meta.dirname, 'data', 'pages.tsv'), 'utf8')
  const [, ...rows] = text.trimEnd().split('\n')
  return rows.map(row => {
    const [path, section] = row.split('\t') as [string, string]
    return { path, section }
  })
}
