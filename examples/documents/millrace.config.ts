// #region
import { readFileSync } from 'node:fs'
import { defineConfig } from 'millrace'

export default defineConfig({
  brokers: 'kafka.example:9094',
  kafka: {
    'client.id': 'shop',
    'security.protocol': 'SASL_SSL',
    'ssl.ca.location': '/etc/kafka/ca.pem',
    'sasl.mechanism': 'SCRAM-SHA-512',
    'sasl.username': 'shop',
    'sasl.password': readFileSync('/run/secrets/kafka', 'utf8').trim(),
  },
})
// #endregion
