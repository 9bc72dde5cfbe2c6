import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;

/** Java's own clients, for tests of what Millrace writes and reads: (produce | consume) BROKERS COUNT TOPIC=CODEC..., or: errors */
public class Interop {
  public static void main(String[] args) throws Exception {
    if (args[0].equals("errors")) {
      for (var error : org.apache.kafka.common.protocol.Errors.values()) System.out.println(error.code() + "\t" + error.name());
      return;
    }
    Properties properties = new Properties();
    properties.put("bootstrap.servers", args[1]);
    int count = Integer.parseInt(args[2]);
    for (String each : List.of(args).subList(3, args.length)) {
      String[] topic = each.split("=");
      if (args[0].equals("produce")) produce(properties, topic[0], topic[1], count);
      else consume(properties, topic[0], count);
    }
  }

  static void produce(Properties properties, String topic, String codec, int count) throws Exception {
    properties.put("compression.type", codec);
    properties.put("linger.ms", "50");
    try (var producer = new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer())) {
      for (int i = 0; i < count; i++) {
        String value = i == 1 ? null : "value " + i + " " + "again ".repeat(i % 9);
        var record = new ProducerRecord<>(topic, 0, 1000L + i, i == 2 ? null : "key " + i, value);
        record.headers().add("h", i == 3 ? null : new byte[] {(byte) i});
        producer.send(record);
      }
    }
  }

  /** Prints topic, offset, timestamp, key and value of each record, with tabs. */
  static void consume(Properties properties, String topic, int count) {
    properties.put("isolation.level", "read_committed");
    try (var consumer = new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer())) {
      var partition = new TopicPartition(topic, 0);
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      long deadline = System.currentTimeMillis() + 30_000;
      for (int seen = 0; seen < count && System.currentTimeMillis() < deadline; ) {
        for (var record : consumer.poll(Duration.ofMillis(200))) {
          seen++;
          System.out.println(topic + "\t" + record.offset() + "\t" + record.timestamp() + "\t" + record.key() + "\t" + record.value());
        }
      }
    }
  }
}
