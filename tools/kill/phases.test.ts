import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Phases } from './phases.ts'

function recorded() {
  const problems: string[] = []
  const phases = new Phases({
    onProblem: text => problems.push(text),
    state: async () => ['worker 1 is joining', 'nothing is open'],
  })
  return { problems, phases }
}

describe('what comes after a storm', () => {
  it('gives what was waited for', async () => {
    const { phases, problems } = recorded()
    assert.equal(await phases.run('a sum', 60_000, async () => 3), 3)
    assert.deepEqual(problems, [])
    assert.equal(phases.now, 'a sum')
  })

  it('goes on behind what never ends, and says what is known of it', async () => {
    const { phases, problems } = recorded()
    assert.equal(await phases.run('the end', 1, () => new Promise(() => {})), undefined)
    assert.deepEqual(problems, [
      'the end: not done within 0.001 s\n      worker 1 is joining\n      nothing is open',
    ])
  })

  it('goes on behind what fails', async () => {
    const { phases, problems } = recorded()
    const failing = async () => {
      throw new Error('no leader')
    }
    assert.equal(await phases.run('the last append', 60_000, failing), undefined)
    assert.match(problems[0]!, /^the last append: Error: no leader/)
  })
})
