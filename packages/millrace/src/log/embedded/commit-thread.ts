/** The entry of the commit thread. */
import { systemMachine } from './machine.ts'
import { serveCommits } from './serve-commits.ts'

serveCommits(systemMachine())
