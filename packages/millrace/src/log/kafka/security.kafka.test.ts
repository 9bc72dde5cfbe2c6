import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { inspect } from 'node:util'
import { type SecuredCluster, startSecuredCluster } from '../../../../../tools/kafka/cluster.ts'
import {
  type SecuredListener,
  SHORT_SESSION_MS,
  USERS,
  unsecuredToken,
} from '../../../../../tools/kafka/security.ts'
import { joinGroup } from '../conformance/member.ts'
import { AT_ONCE, type Context, outgoing, readAll } from '../conformance/store.ts'
import type { KafkaLog } from './kafka-log.ts'
import { openKafkaLog } from './open.ts'
import type { KafkaProperties } from './settings.ts'
import { Acls, EVERYTHING } from './testkit/acls.ts'
import { clientOf, isWithoutSecured, loginOf } from './testkit/secured.ts'

const limits = { sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 30_000 } as Context
const hour = 3_600_000

describe('a secured Kafka', { skip: isWithoutSecured, timeout: 600_000 }, () => {
  let cluster: SecuredCluster
  let acls: Acls
  before(async () => {
    cluster = await startSecuredCluster()
    acls = new Acls(cluster.brokers)
    for (const principal of ['User:ada', 'User:bob', 'User:CN=client'])
      await acls.grant(principal, EVERYTHING)
  })
  after(async () => {
    await acls?.close()
    await cluster?.stop()
  })

  const open = (listener: SecuredListener, more: KafkaProperties = {}) =>
    openKafkaLog(clientOf(cluster, listener, more))
  const refused = async (
    listener: SecuredListener,
    more: KafkaProperties,
    message: RegExp,
    wayOut?: RegExp,
  ) =>
    assert.rejects(
      open(listener, more).then(log => log.close()),
      { name: 'LogError', message, ...(wayOut && { wayOut }) },
    )
  const mine = (): KafkaProperties => ({
    'ssl.certificate.location': cluster.certificates.client.certificate,
    'ssl.key.location': cluster.certificates.client.key,
  })

  /** Goes over every lane: topics, plain records, a group, a fetch and a transaction; gives what is read at the end. */
  async function useAll(log: KafkaLog): Promise<string[]> {
    const name = `secured-${crypto.randomUUID().slice(0, 8)}`
    await log.createTopics([{ name, partitions: 1, retentionMs: -1 }])
    await log.append([outgoing(name, 0, 'plain')])
    const member = await joinGroup(limits, log, { group: name, topicSets: [[name]] })
    while (member.owned().length === 0) await new Promise(resolve => setTimeout(resolve, 10))
    await log.commit({
      identity: member.identity(),
      batches: [outgoing(name, 0, 'committed')],
      positions: [{ topic: name, partition: 0, offset: 1, previousOffset: -1, metadata: new Uint8Array(0) }],
    })
    assert.equal((await log.committed(name, [{ topic: name, partition: 0 }]))[0]?.offset, 1)
    await member.membership.leave()
    return (await readAll(log, { topic: name, partition: 0 })).map(({ value }) => value!)
  }

  const ways: Readonly<Record<string, () => readonly [SecuredListener, KafkaProperties]>> = {
    TLS: () => ['SSL', {}],
    'TLS with certificates as texts': () => [
      'MTLS',
      {
        'ssl.ca.location': undefined as never,
        'ssl.truststore.certificates': readFileSync(cluster.certificates.authority, 'utf8'),
        'ssl.keystore.certificate.chain': readFileSync(cluster.certificates.client.certificate, 'utf8'),
        'ssl.keystore.key': readFileSync(cluster.certificates.client.key, 'utf8'),
      },
    ],
    'mutual TLS': () => ['MTLS', mine()],
    PLAIN: () => ['SASL_PLAINTEXT', loginOf('ada')],
    'SCRAM-SHA-256': () => ['SASL_PLAINTEXT', loginOf('ada', 'SCRAM-SHA-256')],
    'SCRAM-SHA-512': () => ['SASL_PLAINTEXT', loginOf('bob', 'SCRAM-SHA-512')],
    'SCRAM-SHA-512 over TLS': () => ['SASL_SSL', loginOf('ada', 'SCRAM-SHA-512')],
    'OAUTHBEARER over TLS': () => [
      'SASL_SSL',
      { 'sasl.mechanism': 'OAUTHBEARER', 'sasl.oauthbearer.token': unsecuredToken('ada', hour) },
    ],
  }
  for (const [name, way] of Object.entries(ways)) {
    it(`is used over every lane with ${name}`, async () => {
      const log = await open(...way())
      try {
        assert.deepEqual(await useAll(log), ['plain', 'committed'])
      } finally {
        await log.close()
      }
    })
  }

  it('asks a function for a token with each connection, and says when that fails', async () => {
    let asked = 0
    const token = async () => {
      asked++
      return unsecuredToken('ada', hour)
    }
    const bearing = { 'sasl.mechanism': 'OAUTHBEARER' }
    const log = await open('SASL_PLAINTEXT', { ...bearing, 'sasl.oauthbearer.token': token })
    try {
      assert.equal(asked, 1)
      await useAll(log)
      assert.ok(asked >= 4, `it was asked ${asked} times for all lanes`)
    } finally {
      await log.close()
    }
    const broken = async () => {
      throw new Error('the service is down')
    }
    await refused(
      'SASL_PLAINTEXT',
      { ...bearing, 'sasl.oauthbearer.token': broken },
      /'sasl.oauthbearer.token' failed: the service is down/,
    )
    await refused(
      'SASL_PLAINTEXT',
      { ...bearing, 'sasl.oauthbearer.token': () => 7 as never },
      /gave no text/,
    )
    const never = () => new Promise<string>(() => {})
    const soon = { 'socket.connection.setup.timeout.ms': 2000 }
    await refused(
      'SASL_PLAINTEXT',
      { ...bearing, ...soon, 'sasl.oauthbearer.token': never },
      /no token came within 2000 ms/,
    )
  })

  it('goes on beyond the time for which a login is good', async () => {
    let asked = 0
    const token = () => {
      asked++
      return unsecuredToken('ada', hour)
    }
    const log = await open('SHORT', { 'sasl.mechanism': 'OAUTHBEARER', 'sasl.oauthbearer.token': token })
    const name = `short-${crypto.randomUUID().slice(0, 8)}`
    try {
      await log.createTopics([{ name, partitions: 1, retentionMs: -1 }])
      const member = await joinGroup(limits, log, { group: name, topicSets: [[name]] })
      const endMs = performance.now() + 3 * SHORT_SESSION_MS
      let commits = 0
      while (performance.now() < endMs) {
        await log.append([outgoing(name, 0, `plain ${commits}`)])
        if (member.owned().length === 0) continue
        await log.commit({
          identity: member.identity(),
          batches: [outgoing(name, 0, `committed ${commits}`)],
          positions: [
            {
              topic: name,
              partition: 0,
              offset: commits + 1,
              previousOffset: commits === 0 ? -1 : commits,
              metadata: new Uint8Array(0),
            },
          ],
        })
        await log.fetch([{ topic: name, partition: 0, offset: commits }], AT_ONCE)
        commits++
      }
      assert.deepEqual(
        member.events.filter(event => event === 'lost'),
        [],
      )
      const read = (await readAll(log, { topic: name, partition: 0 })).map(({ value }) => value!)
      assert.deepEqual(
        read.filter(value => value.startsWith('committed')),
        Array.from({ length: commits }, (_, i) => `committed ${i}`),
      )
      assert.ok(asked > 10, `there were ${asked} logins`)
    } finally {
      await log.close()
    }
  })

  it('is told apart from one that cannot be trusted', async () => {
    await refused('EXPIRED', {}, /its certificate has expired/)
    await refused(
      'ELSEWHERE',
      {},
      /its certificate is for another host/,
      /'ssl.endpoint.identification.algorithm'/,
    )
    const stranger = { 'ssl.ca.location': cluster.certificates.stranger.certificate }
    await refused('SSL', stranger, /signed by nobody who is trusted here/, /'ssl.ca.location'/)
    const unchecked = await open('ELSEWHERE', { 'ssl.endpoint.identification.algorithm': '' })
    await unchecked.close()
  })

  it('says what it wants of who comes the wrong way', async () => {
    const plain = { 'security.protocol': 'PLAINTEXT', 'ssl.ca.location': undefined as never }
    await refused('SSL', plain, /it speaks TLS|a port with TLS/, /SSL \(SASL_SSL/)
    await refused('SASL_PLAINTEXT', plain, /a port that wants a login.*SASL_PLAINTEXT or SASL_SSL/)
    await assert.rejects(openKafkaLog({ brokers: cluster.brokers, kafka: clientOf(cluster, 'SSL').kafka }), {
      message: /a port without TLS/,
      wayOut: /PLAINTEXT/,
    })
    await refused('MTLS', {}, /it wants a certificate that it trusts/, /'ssl.certificate.location'/)
    const { stranger } = cluster.certificates
    const strange = { 'ssl.certificate.location': stranger.certificate, 'ssl.key.location': stranger.key }
    await refused('MTLS', strange, /it wants a certificate that it trusts/)
  })

  it('takes renewed certificates with the next connection, and goes on while a renewal is half done', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-renewal-'))
    const certificate = join(directory, 'client.pem')
    const key = join(directory, 'client.key')
    const { client, stranger } = cluster.certificates
    copyFileSync(client.certificate, certificate)
    copyFileSync(client.key, key)
    const files = { 'ssl.certificate.location': certificate, 'ssl.key.location': key }
    const log = await open('MTLS', files)
    try {
      // A key that does not belong to the certificate: what was read before goes on.
      copyFileSync(stranger.key, key)
      await useAll(log)
      copyFileSync(stranger.certificate, certificate)
      await assert.rejects(
        log.listGroups().then(() => useAll(log)),
        /it wants a certificate that it trusts/,
      )
      copyFileSync(client.certificate, certificate)
      copyFileSync(client.key, key)
      assert.deepEqual(await useAll(log), ['plain', 'committed'])
      writeFileSync(key, '')
      await assert.rejects(open('MTLS', files), { setting: 'ssl.key.location' })
    } finally {
      await log.close()
      rmSync(directory, { recursive: true })
    }
  })

  it('never hears or shows a secret in an error', async () => {
    const canary = 'canary-5f2d'
    const tried: KafkaProperties[] = [
      loginOf('ada', 'PLAIN', canary),
      loginOf('ada', 'SCRAM-SHA-256', canary),
      loginOf('ada', 'SCRAM-SHA-512', canary),
      loginOf('nobody', 'SCRAM-SHA-512', canary),
      { 'sasl.mechanism': 'OAUTHBEARER', 'sasl.oauthbearer.token': canary },
      { ...loginOf('ada', 'GSSAPI', canary) },
      { 'sasl.jaas.config': `PlainLoginModule required password="${canary}";` },
      { 'ssl.key.password': canary },
      { 'ssl.keystore.key': canary },
    ]
    const log = await open('SASL_PLAINTEXT', loginOf('ada'))
    assert.ok(!inspect(log, { depth: 20, showHidden: true }).includes(USERS.ada!))
    await log.close()
    for (const kafka of tried) {
      await assert.rejects(open('SASL_PLAINTEXT', kafka), (error: Error) => {
        const text = [inspect(error, { depth: 20, showHidden: true }), error.message, error.stack].join()
        assert.ok(!text.includes(canary), text)
        assert.match(error.message, /refused the login|kafka setting/)
        return true
      })
    }
  })
})
