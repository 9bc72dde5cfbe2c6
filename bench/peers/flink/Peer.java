import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;

/** W0, W1 and W2 with Flink: Peer workload brokers app input output guarantee commitMs directory. Ends at the end of the input. */
public final class Peer {
  public static final class Bid {
    public long auction, bidder, price, dateTime;
    public String channel, url, extra;
  }

  public static final class Sum {
    public long n, total;
  }

  /** One result; what a workload has not stays at its default and is not written. */
  public static final class Result {
    public String key;
    public long auction, bidder, dateTime, n, total, start, end;
    public double price;
  }

  record Converted(long auction, long bidder, double price, long dateTime) {}

  record Row(long n, long total, String key, long start, long end) {}

  record Count(long n) {}

  static final class ReadBid implements KafkaRecordDeserializationSchema<Bid> {
    transient ObjectReader reader;

    @Override
    public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Bid> out) throws IOException {
      if (reader == null) reader = new ObjectMapper().readerFor(Bid.class);
      out.collect(reader.readValue(record.value()));
    }

    @Override
    public TypeInformation<Bid> getProducedType() {
      return TypeInformation.of(Bid.class);
    }
  }

  static final class WriteResult implements KafkaRecordSerializationSchema<Result> {
    final String topic, workload;
    transient ObjectWriter writer;

    WriteResult(String topic, String workload) {
      this.topic = topic;
      this.workload = workload;
    }

    @Override
    public ProducerRecord<byte[], byte[]> serialize(Result r, KafkaSinkContext context, Long timestamp) {
      if (writer == null) writer = new ObjectMapper().writer();
      Object value = switch (workload) {
        case "w0" -> new Converted(r.auction, r.bidder, r.price, r.dateTime);
        case "w1" -> new Row(r.n, r.total, r.key, r.start, r.end);
        default -> new Count(r.n);
      };
      try {
        return new ProducerRecord<>(topic, r.key.getBytes(StandardCharsets.UTF_8), writer.writeValueAsBytes(value));
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
    }
  }

  static final class AddUp implements AggregateFunction<Bid, Sum, Sum> {
    public Sum createAccumulator() {
      return new Sum();
    }

    public Sum add(Bid bid, Sum sum) {
      sum.n++;
      sum.total += bid.price;
      return sum;
    }

    public Sum getResult(Sum sum) {
      return sum;
    }

    public Sum merge(Sum a, Sum b) {
      a.n += b.n;
      a.total += b.total;
      return a;
    }
  }

  static final class ToRow extends ProcessWindowFunction<Sum, Result, Long, TimeWindow> {
    @Override
    public void process(Long bidder, Context context, Iterable<Sum> sums, Collector<Result> out) {
      Sum sum = sums.iterator().next();
      Result row = new Result();
      row.key = Long.toString(bidder);
      row.n = sum.n;
      row.total = sum.total;
      row.start = context.window().getStart();
      row.end = context.window().getEnd();
      out.collect(row);
    }
  }

  static final class CountUp extends KeyedProcessFunction<String, Bid, Result> {
    transient ValueState<Long> count;

    @Override
    public void open(OpenContext context) {
      count = getRuntimeContext().getState(new ValueStateDescriptor<>("n", Long.class));
    }

    @Override
    public void processElement(Bid bid, Context context, Collector<Result> out) throws IOException {
      Long before = count.value();
      long n = before == null ? 1 : before + 1;
      count.update(n);
      Result row = new Result();
      row.key = context.getCurrentKey();
      row.n = n;
      out.collect(row);
    }
  }

  static Result converted(Bid bid) {
    Result result = new Result();
    result.key = Long.toString(bid.bidder);
    result.auction = bid.auction;
    result.bidder = bid.bidder;
    result.price = bid.price * 0.908;
    result.dateTime = bid.dateTime;
    return result;
  }

  public static void main(String[] args) throws Exception {
    String workload = args[0], brokers = args[1], app = args[2], input = args[3], output = args[4];
    boolean isOnce = args[5].equals("exactly-once");
    Configuration configuration = new Configuration();
    configuration.setString("state.backend.type", "hashmap");
    configuration.setString("execution.checkpointing.storage", "filesystem");
    configuration.setString("execution.checkpointing.dir", "file://" + args[7]);
    configuration.setString("pipeline.object-reuse", "true");
    StreamExecutionEnvironment env = StreamExecutionEnvironment.createLocalEnvironment(1, configuration);
    env.enableCheckpointing(
        Long.parseLong(args[6]),
        isOnce ? org.apache.flink.core.execution.CheckpointingMode.EXACTLY_ONCE : org.apache.flink.core.execution.CheckpointingMode.AT_LEAST_ONCE);

    KafkaSource<Bid> source = KafkaSource.<Bid>builder()
        .setBootstrapServers(brokers)
        .setTopics(input)
        .setGroupId(app)
        .setStartingOffsets(OffsetsInitializer.earliest())
        .setBounded(OffsetsInitializer.latest())
        .setDeserializer(new ReadBid())
        .setProperty("fetch.max.wait.ms", "100")
        .setProperty("max.partition.fetch.bytes", "1048576")
        .setProperty("commit.offsets.on.checkpoint", "true")
        .build();
    KafkaSink<Result> sink = KafkaSink.<Result>builder()
        .setBootstrapServers(brokers)
        .setRecordSerializer(new WriteResult(output, workload))
        .setDeliveryGuarantee(isOnce ? DeliveryGuarantee.EXACTLY_ONCE : DeliveryGuarantee.AT_LEAST_ONCE)
        .setTransactionalIdPrefix(app)
        .setProperty("linger.ms", "5")
        .setProperty("batch.size", "131072")
        .setProperty("acks", "all")
        .setProperty("transaction.timeout.ms", "60000")
        .build();

    DataStream<Bid> bids = env.fromSource(
        source, WatermarkStrategy.forBoundedOutOfOrderness(Duration.ofSeconds(2)), "bids");
    DataStream<Result> results = switch (workload) {
      case "w0" -> bids.filter(bid -> bid.price % 2 == 0).map(Peer::converted).returns(Result.class);
      case "w1" -> bids
          .keyBy(bid -> bid.bidder)
          .window(TumblingEventTimeWindows.of(Duration.ofSeconds(10)))
          .aggregate(new AddUp(), new ToRow());
      default -> bids.keyBy(bid -> bid.channel + "|" + bid.auction).process(new CountUp());
    };
    results.sinkTo(sink);
    env.execute(app);
    System.exit(0);
  }
}
