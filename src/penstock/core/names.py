"""Names for flow runs that say nothing and are easy to tell apart: an adjective and an animal."""

ADJECTIVES = tuple(
    (
        "able agile amber ample aqua arch azure balmy bold brave breezy brisk bright busy calm candid careful chatty "
        "cheery civic clean clear clever cobalt cool copper coral cosmic cozy crisp curious daring dapper deft dewy eager "
        "early earnest easy elder emerald epic even exact fair famous fancy fast fearless fine firm fleet fluent fond "
        "frank free fresh friendly frosty gentle giant gifted glad glossy golden good grand great green happy hardy hazel "
        "hearty helpful honest humble ideal indigo ivory jade jolly jovial keen kind large late lean light lilac lively "
        "logical loyal lucid lucky lunar magic maple marble mellow merry mighty mild mint misty modest mossy neat nimble "
        "noble novel olive open opal orange pearl patient placid plucky polar polite prime proper proud pure purple quick "
        "quiet radiant rapid rare ready regal robust rosy ruby russet rustic sage sandy scarlet serene sharp shiny silent "
        "silver simple sleek smart smooth snowy solar solid sound spry steady stellar still stout sturdy subtle sunny "
        "super swift teal tidy tiny tough true trusty upbeat urban valid velvet verdant vital vivid warm wary wise witty "
        "woven young zany zesty "
    ).split()  # noqa: SIM905  # a list of words reads better as words
)

ANIMALS = tuple(
    (
        "adder albatross alpaca ant antelope auk badger barbel bass bat bear beaver bee beetle bison bittern boar bobcat "
        "bonito bream buffalo bullfinch bunting butterfly buzzard camel caracal carp cat catfish chamois char cheetah "
        "chough clam cobra cockle cod coot cormorant cougar coyote crab crane cricket crow cuckoo curlew dace deer dingo "
        "dipper dolphin donkey dormouse dove dragonfly duck dugong dunlin eagle eel egret eider elk emu ermine falcon "
        "ferret finch firefly flamingo fox frog fulmar gannet gazelle gecko gibbon giraffe gnu goat goby godwit goose "
        "gorilla grayling grebe grouse gull hake halibut hamster hare harrier hawk hedgehog heron herring hippo hobby "
        "hoopoe hornet horse hyena ibex ibis iguana impala jackal jackdaw jaguar jay kestrel kingfisher kite kiwi koala "
        "lamprey lark lemming lemur leopard linnet lion lizard llama lobster loon lynx macaw mackerel magpie mallard "
        "mammoth manatee marlin marmot marten martin merlin mink minnow mole mongoose moose moth mouse mule mullet mussel "
        "newt nightjar nuthatch ocelot octopus orca oriole osprey ostrich otter owl oyster panda panther parrot partridge "
        "pelican penguin perch petrel pheasant pike pipit plaice plover pony porpoise puffin puma quail rabbit raccoon "
        "raven ray redshank redstart robin roach rook ruff salmon sandpiper sardine seal shark sheep shrew shrike siskin "
        "skate skua skylark sloth smelt snail snipe sole sparrow squid squirrel starling stoat stork sturgeon swallow "
        "swan swift tapir teal tench tern thrush tiger tit toad tortoise trout tuna turbot turtle viper vole walrus "
        "warbler wasp weasel whale whimbrel whinchat whiting wigeon wolf wombat woodcock wren yak zander zebra "
    ).split()  # noqa: SIM905  # a list of words reads better as words
)


def run_name(entropy: int) -> str:
    """Return a name for any whole number.

    >>> run_name(0), run_name(1)
    ('able-adder', 'agile-adder')
    """
    return f"{ADJECTIVES[entropy % len(ADJECTIVES)]}-{ANIMALS[entropy // len(ADJECTIVES) % len(ANIMALS)]}"
