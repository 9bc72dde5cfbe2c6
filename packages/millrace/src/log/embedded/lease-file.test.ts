import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LeaseFile } from './lease-file.ts'
import { LocalMembers } from './local-members.ts'
import type { Machine } from './machine.ts'
import { directoryFor } from './testkit/directory.ts'

/** A machine whose clock and processes the test sets. */
function machineOf(facts: { nowMs: number; boot?: number; pidSpace?: number; dead?: number[] }): Machine {
  return {
    host: 'here',
    pid: 17,
    boot: facts.boot ?? 1,
    pidSpace: facts.pidSpace ?? 1,
    monotonicMs: () => facts.nowMs,
    isAlive: pid => !(facts.dead ?? []).includes(pid),
    uniqueId: () => 'id',
  }
}

const holder = { slot: 5, memberId: 'm', sessionMs: 1000 }

describe('leases', () => {
  it('[9.2] last as long as the session, on the clock that all processes share', async t => {
    const facts = { nowMs: 50_000 }
    const leases = new LeaseFile(await directoryFor(t), machineOf(facts), 'write')
    t.after(() => leases.close())
    assert.equal(leases.isExpired(holder), true)
    leases.renew(5, 'm')
    facts.nowMs += 1000
    assert.equal(leases.isExpired(holder), false)
    assert.equal(leases.read(holder)!.pid, 17)
    facts.nowMs += 1
    assert.equal(leases.isExpired(holder), true)
    leases.renew(5, 'm')
    assert.equal(leases.isExpired(holder), false)
    assert.equal(leases.isExpired({ ...holder, memberId: 'another' }), true)
  })

  it('[2.2] a process takes none for younger than others see it, however long it takes to renew one', async t => {
    const facts = { nowMs: 50_000, lookMs: 100 }
    // Every look at the clock takes a while.
    const machine: Machine = { ...machineOf(facts), monotonicMs: () => (facts.nowMs += facts.lookMs) }
    const leases = new LeaseFile(await directoryFor(t), machine, 'write')
    t.after(() => leases.close())
    const members = new LocalMembers(leases, machine)
    const renewedMs = leases.renew(5, 'm')
    facts.nowMs += 300
    members.add({ ...holder, group: 'g', notify: () => {} }, renewedMs)
    const lapses = () => {
      facts.lookMs = 0
      while (!leases.isExpired(holder)) facts.nowMs++
      assert.ok(members.hasLapsed('m'))
      facts.lookMs = 100
    }
    facts.nowMs = renewedMs + 500
    assert.deepEqual(members.renew(), [])
    lapses()
    assert.equal(members.renew().length, 1)
    members.add({ ...holder, group: 'g', notify: () => {} }, leases.renew(5, 'm'))
    lapses()
  })

  it('[9.2] end with the machine, and with the process where its number means the same', async t => {
    const directory = await directoryFor(t)
    const seenBy = (facts: Parameters<typeof machineOf>[0]) => {
      const leases = new LeaseFile(directory, machineOf(facts), 'read')
      try {
        return leases.isExpired(holder)
      } finally {
        leases.close()
      }
    }
    const writer = new LeaseFile(directory, machineOf({ nowMs: 50_000 }), 'write')
    t.after(() => writer.close())
    writer.renew(5, 'm')
    assert.equal(seenBy({ nowMs: 50_500 }), false)
    assert.equal(seenBy({ nowMs: 50_500, boot: 2 }), true)
    assert.equal(seenBy({ nowMs: 400 }), true)
    assert.equal(seenBy({ nowMs: 50_500, dead: [17] }), true)
    assert.equal(seenBy({ nowMs: 50_500, dead: [17], pidSpace: 2 }), false)
  })
})
