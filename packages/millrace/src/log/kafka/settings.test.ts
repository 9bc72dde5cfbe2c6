import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type KafkaProperties, KafkaSettingError, kafkaSettings } from './settings.ts'

const servers = { 'bootstrap.servers': 'one:9092, [::1]:9093' }

function refused(properties: KafkaProperties, setting: string, message: RegExp): void {
  assert.throws(
    () => kafkaSettings(properties),
    (error: unknown) => {
      assert.ok(error instanceof KafkaSettingError)
      assert.equal(error.setting, setting)
      assert.match(error.message, message)
      return true
    },
  )
}

describe('the settings for Kafka', () => {
  it('take the names that Kafka has for them', () => {
    const settings = kafkaSettings({
      ...servers,
      'client.id': 'shop',
      'compression.type': 'zstd',
      'transaction.timeout.ms': '20000',
      'replication.factor': 3,
    })
    assert.deepEqual(settings.brokers, [
      { host: 'one', port: 9092 },
      { host: '::1', port: 9093 },
    ])
    assert.equal(settings.clientId, 'shop')
    assert.equal(settings.compression, 'zstd')
    assert.equal(settings.transactionTimeoutMs, 20_000)
    assert.equal(settings.replicationFactor, 3)
    assert.equal(settings.tls, undefined)
    assert.equal(settings.sasl, undefined)
  })

  it('name the one that is not known, and what is meant', () => {
    refused({ ...servers, 'client.ID': 'x' }, 'client.ID', /'client.id' is meant/)
    refused({ ...servers, 'metadata.broker.list': 'x' }, 'metadata.broker.list', /'bootstrap.servers'/)
    refused({ ...servers, 'linger.mss': 1 }, 'linger.mss', /known are bootstrap.servers/)
  })

  it('name the one that makes no sense', () => {
    refused({}, 'bootstrap.servers', /no host:port/)
    refused({ 'bootstrap.servers': 'host' }, 'bootstrap.servers', /'host' is no host:port/)
    refused({ 'bootstrap.servers': 'host:99999' }, 'bootstrap.servers', /no host:port/)
    refused({ ...servers, 'compression.type': 'rar' }, 'compression.type', /none of none, gzip/)
    refused({ ...servers, 'request.timeout.ms': 'soon' }, 'request.timeout.ms', /'soon' is no whole number/)
    refused({ ...servers, 'ssl.ca.location': 'x' }, 'ssl.ca.location', /security.protocol is SSL/)
    refused({ ...servers, 'sasl.username': 'x' }, 'sasl.username', /SASL_PLAINTEXT or SASL_SSL/)
  })

  it('know what a protocol needs beside it', () => {
    const sasl = { ...servers, 'security.protocol': 'SASL_SSL' }
    refused(sasl, 'sasl.mechanism', /is needed/)
    refused({ ...sasl, 'sasl.mechanism': 'SCRAM-SHA-512' }, 'sasl.username', /SCRAM-SHA-512/)
    refused(
      { ...sasl, 'sasl.mechanism': 'OAUTHBEARER' },
      'sasl.oauthbearer.token',
      /a function that gives one/,
    )
    refused(
      { ...servers, 'security.protocol': 'SSL', 'ssl.ca.location': '/does/not/exist' },
      'ssl.ca.location',
      /cannot be read/,
    )
    const settings = kafkaSettings({
      ...sasl,
      'sasl.mechanism': 'PLAIN',
      'sasl.username': 'u',
      'sasl.password': 'p',
    })
    assert.deepEqual(settings.sasl, { mechanism: 'PLAIN', username: 'u', password: 'p', token: '' })
    assert.ok(settings.tls?.options().secureContext)
  })

  it('take certificates as texts or files, one of the two', () => {
    const ssl = { ...servers, 'security.protocol': 'SSL' }
    refused({ ...ssl, 'ssl.keystore.key': 'x' }, 'ssl.keystore.key', /goes with ssl.certificate.location/)
    const text = { 'ssl.truststore.certificates': 'x' }
    refused({ ...ssl, ...text }, 'ssl.truststore.certificates', /no PEM text/)
    refused({ ...ssl, ...text, 'ssl.ca.location': 'y' }, 'ssl.truststore.certificates', /one of them/)
    refused(
      { ...ssl, 'ssl.endpoint.identification.algorithm': 'none' },
      'ssl.endpoint.identification.algorithm',
      /none of https, ''/,
    )
    assert.equal(kafkaSettings(ssl).tls?.options().checkServerIdentity, undefined)
    const unchecked = kafkaSettings({ ...ssl, 'ssl.endpoint.identification.algorithm': '' })
    assert.equal(unchecked.tls?.options().checkServerIdentity?.('a', {} as never), undefined)
    assert.ok(unchecked.tls?.options().checkServerIdentity)
  })

  it('say what to give instead of what only Java has', () => {
    const jaas = 'PlainLoginModule required password="secret";'
    refused(
      { ...servers, 'sasl.jaas.config': jaas },
      'sasl.jaas.config',
      /'sasl.username' and 'sasl.password'/,
    )
    refused({ ...servers, 'ssl.keystore.location': 'k.jks' }, 'ssl.keystore.location', /openssl pkcs12/)
    refused(
      { ...servers, 'ssl.truststore.location': 'k.jks' },
      'ssl.truststore.location',
      /'ssl.ca.location'/,
    )
  })
})
