/** Certificates for tests, made with openssl when they are needed and never kept. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A certificate with its key, as files and as one file with both. */
export interface Certificate {
  readonly certificate: string
  readonly key: string
  /** Key and certificate in one, as a broker's keystore of the type PEM. */
  readonly keystore: string
}

/** An authority, and what it has signed; `stranger` is signed by itself alone. */
export interface Certificates {
  readonly authority: string
  readonly server: Certificate
  /** For a host that nobody here has. */
  readonly elsewhere: Certificate
  readonly expired: Certificate
  readonly client: Certificate
  readonly stranger: Certificate
}

/** Whether the machine has openssl. */
export function hasOpenssl(): boolean {
  return spawnSync('openssl', ['version']).status === 0
}

/** Makes everything in `directory`. */
export function makeCertificates(directory: string): Certificates {
  mkdirSync(directory, { recursive: true })
  const at = (name: string) => join(directory, name)
  const openssl = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync('openssl', args, { cwd: directory, encoding: 'utf8' })
    if (status !== 0) throw new Error(`openssl ${args.join(' ')}:\n${stderr}`)
    return stdout
  }
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const authority = ['-x509', '-days', '2', '-subj', '/CN=Millrace test authority']
  openssl('req', ...newKey, ...authority, '-keyout', 'ca.key', '-out', 'ca.pem')
  writeFileSync(at('index'), '')
  writeFileSync(at('ca.conf'), AUTHORITY)
  const pack = (name: string): Certificate => {
    const pem = `${openssl('pkey', '-in', `${name}.key`)}${openssl('x509', '-in', `${name}.pem`)}`
    writeFileSync(at(`${name}.keystore.pem`), pem)
    return { certificate: at(`${name}.pem`), key: at(`${name}.key`), keystore: at(`${name}.keystore.pem`) }
  }
  const issue = (name: string, hosts: string, ...dates: string[]) => {
    openssl('req', ...newKey, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`)
    writeFileSync(at(`${name}.ext`), `subjectAltName=${hosts}\n`)
    const signed = ['-in', `${name}.csr`, '-out', `${name}.pem`, '-extfile', `${name}.ext`]
    openssl('ca', '-batch', '-config', 'ca.conf', ...signed, ...dates)
    return pack(name)
  }
  const here = 'DNS:localhost,IP:127.0.0.1'
  const itself = ['-x509', '-days', '2', '-subj', '/CN=stranger', '-addext', `subjectAltName=${here}`]
  openssl('req', ...newKey, ...itself, '-keyout', 'stranger.key', '-out', 'stranger.pem')
  return {
    authority: at('ca.pem'),
    server: issue('server', here),
    elsewhere: issue('elsewhere', 'DNS:elsewhere.example'),
    expired: issue('expired', here, '-startdate', '20200101000000Z', '-enddate', '20200102000000Z'),
    client: issue('client', here),
    stranger: pack('stranger'),
  }
}

const AUTHORITY = `[ca]
default_ca=here
[here]
dir=.
database=index
new_certs_dir=.
certificate=ca.pem
private_key=ca.key
rand_serial=yes
default_md=sha256
default_days=2
policy=any
[any]
commonName=supplied
`
