import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import dockerfile from 'dockerfile-utils'
import { parseAllDocuments } from 'yaml'

const deploy = fileURLToPath(new URL('../deploy', import.meta.url))
const manifests = join(deploy, 'kubernetes')

interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: Record<string, any>
}

/** All documents of the manifests; a file that is no YAML is an error that names it. */
function documents(): Manifest[] {
  return readdirSync(manifests).flatMap(file =>
    parseAllDocuments(readFileSync(join(manifests, file), 'utf8')).map(document => {
      assert.deepEqual(document.errors, [], file)
      return document.toJS() as Manifest
    }),
  )
}

function named(kind: string): Manifest {
  return documents().find(document => document.kind === kind)!
}

type Model = new (data: any) => { validate(): void }

/** The schema of each kind: Kubernetes' own, KEDA's, the Prometheus operator's. */
const models: Readonly<Record<string, () => Promise<Model>>> = {
  Service: async () => (await import('kubernetes-models/v1/Service')).Service,
  StatefulSet: async () => (await import('kubernetes-models/apps/v1/StatefulSet')).StatefulSet,
  PodDisruptionBudget: async () =>
    (await import('kubernetes-models/policy/v1/PodDisruptionBudget')).PodDisruptionBudget,
  ServiceMonitor: async () =>
    (await import('@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor'))
      .ServiceMonitor,
  ScaledObject: async () =>
    (await import('@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject')).ScaledObject,
}

/** Throws what is wrong by the schema of its kind. */
async function validate(document: Manifest): Promise<void> {
  const Kind = await models[document.kind]!()
  new Kind(document).validate()
}

describe('the files under deploy/', () => {
  it('are what Kubernetes, KEDA and the Prometheus operator take', async () => {
    assert.deepEqual(
      documents()
        .map(({ kind }) => kind)
        .sort(),
      Object.keys(models).sort(),
    )
    for (const document of documents()) await validate(document)
    const wrong = named('StatefulSet')
    await assert.rejects(validate({ ...wrong, spec: { ...wrong.spec, replicas: 'two' } }), /replicas/)
  })

  it('have a Dockerfile that is well-formed and does not run as root', () => {
    const text = readFileSync(join(deploy, 'Dockerfile'), 'utf8')
    assert.deepEqual(dockerfile.validate(text), [])
    assert.ok(dockerfile.validate('FORM node').length > 0)
    assert.match(text, /^USER node$/m)
    assert.match(text, /^HEALTHCHECK /m)
  })

  it('agree with one another: ports, probes, volume, names and time to stop', () => {
    const { template, volumeClaimTemplates } = named('StatefulSet').spec
    const [container] = template.spec.containers
    assert.equal(container.ports[0].containerPort, 9464)
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'])
      assert.match(container[probe].httpGet.path, /^\/health\/(live|ready)$/, probe)
    assert.equal(container.volumeMounts[0].name, volumeClaimTemplates[0].metadata.name)
    assert.ok(container.args.includes('--instance=$(POD_NAME)'))
    const stopSeconds = Number(/--stop-timeout=(\d+)s/.exec(container.args.join(' '))![1])
    assert.ok(
      template.spec.terminationGracePeriodSeconds > stopSeconds + container.lifecycle.preStop.sleep.seconds,
    )
    assert.equal(named('ScaledObject').spec.scaleTargetRef.name, named('StatefulSet').metadata.name)
  })
})
