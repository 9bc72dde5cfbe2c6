import { type Acl, createAclsV3, deleteAclsV3, describeAclsV3 } from '@platformatic/kafka'
import type { AccessRight } from '../../../std/access-right.ts'
import { systemClock } from '../../../std/clock.ts'
import { systemDial } from '../dial.ts'
import { Links } from '../links.ts'
import { kafkaSettings } from '../settings.ts'

const RESOURCES = { Topic: 2, Group: 3, Cluster: 4, TransactionalId: 5 } as const
const OPERATIONS = {
  All: 2,
  Read: 3,
  Write: 4,
  Create: 5,
  Delete: 6,
  Describe: 8,
  DescribeConfigs: 10,
} as const
const ALLOW = 3
const LITERAL = 3
const PREFIXED = 4
const TIMEOUT_MS = 20_000

type Granted = Omit<AccessRight, 'operation'> & { readonly operation: string }

/** Everything on topics, groups and transactional ids: for tests that are not about rights. */
export const EVERYTHING: readonly Granted[] = (['Topic', 'Group', 'TransactionalId'] as const).map(
  resource => ({ operation: 'All', resource, name: '*', isPrefix: false }),
)

/** Gives rights on a broker, and takes them away, as a user of its plain listener. */
export class Acls {
  readonly #links: Links
  readonly #address: { readonly host: string; readonly port: number }

  constructor(brokers: readonly string[]) {
    const settings = kafkaSettings({ 'bootstrap.servers': brokers[0]! })
    this.#links = new Links({ settings, clock: systemClock, dial: systemDial(undefined) })
    this.#address = settings.brokers[0]!
  }

  async grant(principal: string, rights: readonly Granted[]): Promise<void> {
    const { socket } = await this.#links.link(this.#address, 'acls')
    const acls = rights.map(right => aclOf(principal, right))
    const { results } = await socket.call(createAclsV3.api, [acls], TIMEOUT_MS)
    for (const { errorCode, errorMessage } of results) if (errorCode !== 0) throw new Error(errorMessage!)
    await this.#until(acls, true)
  }

  async revoke(principal: string, rights: readonly Granted[]): Promise<void> {
    const { socket } = await this.#links.link(this.#address, 'acls')
    const filters = rights.map(right => aclOf(principal, right))
    const { filterResults } = await socket.call(deleteAclsV3.api, [filters], TIMEOUT_MS)
    const removed = filterResults.reduce((sum, each) => sum + each.matchingAcls.length, 0)
    if (removed !== rights.length)
      throw new Error(`${removed} of ${rights.length} rights were there to remove`)
    await this.#until(filters, false)
  }

  /** A change is acknowledged by the controller, and known to the broker a moment later. */
  async #until(acls: readonly Acl[], isThere: boolean): Promise<void> {
    const { socket } = await this.#links.link(this.#address, 'acls')
    for (const acl of acls) {
      for (;;) {
        const { resources } = await socket.call(describeAclsV3.api, [acl], TIMEOUT_MS)
        if (resources.length > 0 === isThere) break
        await new Promise(resolve => setTimeout(resolve, 10))
      }
    }
  }

  close(): Promise<void> {
    return this.#links.close()
  }
}

function aclOf(principal: string, { operation, resource, name, isPrefix }: Granted): Acl {
  return {
    resourceType: RESOURCES[resource],
    resourceName: name,
    resourcePatternType: isPrefix ? PREFIXED : LITERAL,
    principal,
    host: '*',
    operation: OPERATIONS[operation as keyof typeof OPERATIONS],
    permissionType: ALLOW,
  }
}
