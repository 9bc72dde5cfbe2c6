import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { rootCertificates } from 'node:tls'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { MillraceConfig } from 'millrace'
import { kafkaSettings } from '../../packages/millrace/src/log/kafka/settings.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

describe('the configuration for Kafka', () => {
  it('has names that are known and belong together', async () => {
    await mkdir(join(root, '.millrace'), { recursive: true })
    const directory = await mkdtemp(join(root, '.millrace/config-'))
    try {
      const secret = join(directory, 'secret')
      const authority = join(directory, 'ca.pem')
      await writeFile(secret, 'open sesame\n')
      await writeFile(authority, rootCertificates[0]!)
      const shown = await readFile(new URL('millrace.config.ts', import.meta.url), 'utf8')
      const file = join(directory, 'millrace.config.ts')
      await writeFile(
        file,
        shown.replace('/run/secrets/kafka', secret).replace('/etc/kafka/ca.pem', authority),
      )
      const { default: config }: { default: MillraceConfig } = await import(pathToFileURL(file).href)
      const { brokers, clientId, sasl } = kafkaSettings({
        ...config.kafka,
        'bootstrap.servers': String(config.brokers),
      })
      assert.deepEqual(brokers, [{ host: 'kafka.example', port: 9094 }])
      assert.equal(clientId, 'shop')
      assert.match(JSON.stringify(sasl), /open sesame/)
    } finally {
      await rm(directory, { recursive: true })
    }
  })
})
