import { q0 } from './queries/q0.ts'
import { q1 } from './queries/q1.ts'
import { q2 } from './queries/q2.ts'
import { q5 } from './queries/q5.ts'
import { q7 } from './queries/q7.ts'
import { q14 } from './queries/q14.ts'
import { q15 } from './queries/q15.ts'
import { q16 } from './queries/q16.ts'
import { q17 } from './queries/q17.ts'
import { q21 } from './queries/q21.ts'
import { q22 } from './queries/q22.ts'
import type { Query } from './query.ts'

/** Every query that is there. */
export const queries: readonly Query[] = [q0, q1, q2, q5, q7, q14, q15, q16, q17, q21, q22]
