import java.time.Duration;
import java.util.*;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** Small Kafka Streams programs, for tests of what goes to and comes from it. */
public class Streams {
  static final Serde<Integer> INTEGER = Serdes.Integer();
  static final Serde<String> STRING = Serdes.String();

  public static void main(String[] args) throws Exception {
    switch (args[0]) {
      case "table" -> table(args[1], args[2], args[3]);
      case "windows" -> windows(args[1], args[2], Long.parseLong(args[3]), Integer.parseInt(args[4]));
      default -> throw new IllegalArgumentException(args[0]);
    }
  }

  /**
   * BROKERS APP TOPIC: keeps the newest value of each integer key in the store "newest", whose changelog is APP-newest-changelog;
   * an empty value deletes. Ends when it has seen the value "end".
   */
  static void table(String brokers, String app, String topic) throws Exception {
    var builder = new StreamsBuilder();
    var seen = new CountDownLatch(1);
    Materialized<Integer, String, KeyValueStore<Bytes, byte[]>> store = Materialized.as(Stores.inMemoryKeyValueStore("newest"));
    builder.stream(topic, Consumed.with(INTEGER, STRING))
        .groupByKey(Grouped.with(INTEGER, STRING))
        .aggregate(() -> "", (key, value, last) -> value.isEmpty() ? null : value, store.withKeySerde(INTEGER).withValueSerde(STRING))
        .toStream()
        .peek((key, value) -> { if ("end".equals(value)) seen.countDown(); });
    var config = new Properties();
    config.put(StreamsConfig.APPLICATION_ID_CONFIG, app);
    config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
    config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    config.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    // Every change reaches the changelog, deletes included.
    config.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
    config.put(StreamsConfig.STATE_DIR_CONFIG, System.getProperty("java.io.tmpdir") + "/" + app);
    config.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    try (var streams = new KafkaStreams(builder.build(), config)) {
      streams.start();
      if (!seen.await(60, TimeUnit.SECONDS)) throw new IllegalStateException("the end was not seen: " + streams.state());
    }
    System.out.println(app + "-newest-changelog");
  }

  /** BROKERS TOPIC SIZE COUNT: prints key, start, end and value of windowed records, with tabs, as Kafka Streams reads them. */
  static void windows(String brokers, String topic, long sizeMs, int count) {
    var properties = new Properties();
    properties.put("bootstrap.servers", brokers);
    properties.put("isolation.level", "read_committed");
    var keys = new TimeWindowedDeserializer<>(new StringDeserializer(), sizeMs);
    try (var consumer = new KafkaConsumer<>(properties, keys, new StringDeserializer())) {
      var partition = new TopicPartition(topic, 0);
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      long deadline = System.currentTimeMillis() + 30_000;
      for (int seen = 0; seen < count && System.currentTimeMillis() < deadline; ) {
        for (var record : consumer.poll(Duration.ofMillis(200))) {
          seen++;
          var window = record.key().window();
          System.out.println(record.key().key() + "\t" + window.start() + "\t" + window.end() + "\t" + record.value());
        }
      }
    }
  }
}
