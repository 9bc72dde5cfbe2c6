import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.WindowStore;

/** W0, W1 and W2 with Kafka Streams: Peer workload brokers app input output guarantee commitMs directory. Runs until it is killed. */
public final class Peer {
  public static final class Bid {
    public long auction, bidder, price, dateTime;
    public String channel, url, extra;
  }

  public record Converted(long auction, long bidder, double price, long dateTime) {}

  public static final class Sum {
    public long n, total;
  }

  public record Row(long n, long total, String key, long start, long end) {}

  public record Count(long n) {}

  static final ObjectMapper JSON = new ObjectMapper();

  static <T> Serde<T> json(Class<T> type) {
    ObjectReader reader = JSON.readerFor(type);
    ObjectWriter writer = JSON.writerFor(type);
    Serializer<T> serializer = (topic, value) -> {
      try {
        return value == null ? null : writer.writeValueAsBytes(value);
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
    };
    Deserializer<T> deserializer = (topic, bytes) -> {
      try {
        return bytes == null ? null : reader.readValue(bytes);
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
    };
    return Serdes.serdeFrom(serializer, deserializer);
  }

  public static void main(String[] args) {
    String workload = args[0], brokers = args[1], app = args[2], input = args[3], output = args[4];
    Properties settings = new Properties();
    settings.put("bootstrap.servers", brokers);
    settings.put("application.id", app);
    settings.put("processing.guarantee", args[5].equals("exactly-once") ? "exactly_once_v2" : "at_least_once");
    settings.put("commit.interval.ms", args[6]);
    settings.put("state.dir", args[7]);
    settings.put("num.stream.threads", "1");
    settings.put("replication.factor", "1");
    // Every update of W2 is wanted, and a cache would hold all but the last of each commit back. In W1 the cached window store
    // looks for windows to close in every segment since 1970, and never comes to an end.
    settings.put("statestore.cache.max.bytes", "0");
    settings.put("consumer.auto.offset.reset", "earliest");
    settings.put("consumer.fetch.max.wait.ms", "100");
    settings.put("consumer.max.partition.fetch.bytes", "1048576");
    settings.put("producer.linger.ms", "5");
    settings.put("producer.batch.size", "131072");
    settings.put("producer.acks", "all");
    // Looked at with every record: with the default of a second the windows that the last record closes stay open.
    settings.put("__emit.interval.ms.kstreams.windowed.aggregation__", 0L);

    StreamsBuilder builder = new StreamsBuilder();
    KStream<String, Bid> bids = builder.stream(input, Consumed.with(Serdes.String(), json(Bid.class)));
    switch (workload) {
      case "w0" -> bids
          .filter((key, bid) -> bid.price % 2 == 0)
          .mapValues(bid -> new Converted(bid.auction, bid.bidder, bid.price * 0.908, bid.dateTime))
          .to(output, Produced.with(Serdes.String(), json(Converted.class)));
      case "w1" -> bids
          .groupByKey()
          .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofSeconds(10), Duration.ofSeconds(2)))
          .emitStrategy(EmitStrategy.onWindowClose())
          .aggregate(Sum::new, (key, bid, sum) -> {
            sum.n++;
            sum.total += bid.price;
            return sum;
          }, Materialized.<String, Sum, WindowStore<Bytes, byte[]>>as("per-bidder")
              // A record puts its row into the store before windows close, and the last one lies an hour ahead: with the least retention
              // the segments of the windows that it closes would be dropped unseen.
              .withRetention(Duration.ofHours(4)).withKeySerde(Serdes.String()).withValueSerde(json(Sum.class)))
          .toStream()
          .map((key, sum) -> KeyValue.pair(key.key(), new Row(sum.n, sum.total, key.key(), key.window().start(), key.window().end())))
          .to(output, Produced.with(Serdes.String(), json(Row.class)));
      default -> bids
          .groupBy((key, bid) -> bid.channel + "|" + bid.auction, Grouped.with("pair", Serdes.String(), json(Bid.class)))
          .count(Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as("per-pair").withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()))
          .toStream()
          .mapValues(n -> new Count(n))
          .to(output, Produced.with(Serdes.String(), json(Count.class)));
    }
    KafkaStreams streams = new KafkaStreams(builder.build(), settings);
    streams.setUncaughtExceptionHandler(error -> {
      error.printStackTrace();
      Runtime.getRuntime().halt(1);
      return null;
    });
    streams.start();
  }
}
