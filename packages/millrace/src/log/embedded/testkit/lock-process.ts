/** Takes the log's write lock, or begins to read, and stays there until it is told to stop. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

const [directory, mode] = process.argv.slice(2)
// Others may be writing just now.
const db = new DatabaseSync(join(directory!, 'log.db'), { timeout: 20_000 })
if (mode === 'write') db.exec('BEGIN IMMEDIATE')
else {
  db.exec('BEGIN')
  db.prepare('SELECT count(*) FROM topics').get()
}
process.send!({ type: 'holding' })
process.on('message', () => {
  db.exec('COMMIT')
  db.close()
  process.disconnect()
})
