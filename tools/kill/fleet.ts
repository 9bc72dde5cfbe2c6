import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import type { Health } from '../../packages/millrace/src/runtime/app.ts'
import type { CommitMode } from './split-commit.ts'
import { readTally, type TallyState } from './tally.ts'
import type { KillAt, WorkerOptions } from './worker-options.ts'

interface WorkerMessage {
  readonly type: string
  readonly message?: string
  readonly health?: Health
}

const stopMs = 30_000
/** On Kafka every so manieth worker runs its transactions as before KIP-890. */
const flow1Every = 3

/** A worker process as its parent sees it. */
export class Member {
  readonly name: string
  readonly killAt: KillAt | undefined
  readonly process: ChildProcess
  readonly exited: Promise<void>
  isFrozen = false
  /** Time from its start to its first commit; undefined before. */
  firstCommitMs: number | undefined
  readonly #tallyPath: string
  readonly #answers: ((health: Health) => void)[] = []

  constructor(name: string, options: WorkerOptions, onMessage: (member: Member, message: string) => void) {
    this.name = name
    this.killAt = options.killAt
    this.#tallyPath = options.tallyPath
    this.process = fork(new URL('worker.ts', import.meta.url), [JSON.stringify(options)], {
      execArgv: ['--conditions=source', '--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      // Most of a start would go into compiling the same modules again.
      env: { ...process.env, NODE_COMPILE_CACHE: join(options.directory, 'compiled') },
    })
    const bornMs = performance.now()
    this.process.on('message', ({ type, message, health }: WorkerMessage) => {
      if (type === 'committed') this.firstCommitMs = performance.now() - bornMs
      if (message !== undefined) onMessage(this, `${type}: ${message}`)
      if (health !== undefined) for (const answer of this.#answers.splice(0)) answer(health)
    })
    this.exited = new Promise(resolve => this.process.once('exit', () => resolve()))
  }

  get pid(): number {
    return this.process.pid!
  }

  get isAlive(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null
  }

  get tally(): TallyState {
    return readTally(this.#tallyPath)
  }

  /** What its app says of itself; never answered by one that stands still or dies. */
  health(): Promise<Health> {
    return new Promise((resolve, reject) => {
      this.#answers.push(resolve)
      this.process.send('health', error => error && reject(error))
    })
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL')
    await this.exited
  }

  /** Asks it to finish; false when it had to be killed. */
  async stop(): Promise<boolean> {
    this.process.kill('SIGTERM')
    const late = setTimeout(() => this.process.kill('SIGKILL'), stopMs)
    await this.exited
    clearTimeout(late)
    return this.process.exitCode === 0
  }
}

export interface FleetOptions {
  readonly directory: string
  /** Of a Kafka, in place of the embedded log. */
  readonly brokers?: readonly string[]
  readonly mode: CommitMode
  readonly sessionTimeoutMs: number
  readonly onMessage: (member: Member, message: string) => void
  /** A worker ended that nobody here had killed or stopped. */
  readonly onExit: (member: Member) => void
}

/** The worker processes over one log. */
export class Fleet {
  readonly members = new Set<Member>()
  started = 0
  /** Of the dead. */
  readonly firstCommitsMs: number[] = []
  readonly #options: FleetOptions

  constructor(options: FleetOptions) {
    this.#options = options
  }

  start(killAt?: KillAt): Member {
    const { onMessage, onExit, ...common } = this.#options
    const name = `w${++this.started}`
    const tallyPath = join(common.directory, `${name}.tally`)
    const isFlow1 = this.started % flow1Every === 0
    const member = new Member(name, { ...common, tallyPath, isFlow1, killAt }, onMessage)
    this.members.add(member)
    void member.exited.then(() => {
      if (member.firstCommitMs !== undefined) this.firstCommitsMs.push(member.firstCommitMs)
      if (this.members.delete(member)) onExit(member)
    })
    return member
  }

  /** Those a kill would count for: alive, not frozen, with a commit behind them. */
  get atWork(): Member[] {
    return [...this.members].filter(member => member.isAlive && !member.isFrozen && member.tally.commits > 0)
  }

  /** Takes a member out, so that its end is expected. */
  release(member: Member): void {
    this.members.delete(member)
  }

  /** Stops everybody; those who do not obey are returned. */
  async stopAll(): Promise<Member[]> {
    const members = [...this.members]
    for (const member of members) this.release(member)
    const obeyed = await Promise.all(members.map(member => member.stop()))
    return members.filter((_, i) => !obeyed[i])
  }

  killAll(): void {
    for (const member of this.members) {
      this.release(member)
      member.process.kill('SIGKILL')
    }
  }
}
